/** Every media type that Entrepot knows by name. */
export const MEDIA_TYPES = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifestV1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerManifestV1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociForeignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociForeignLayerGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociForeignLayerZstd: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  inToto: 'application/vnd.in-toto+json',
} as const;

const imageManifestTypes = new Set<string>([MEDIA_TYPES.dockerManifest, MEDIA_TYPES.ociManifest]);
const indexTypes = new Set<string>([MEDIA_TYPES.dockerManifestList, MEDIA_TYPES.ociIndex]);
const schema1Types = new Set<string>([MEDIA_TYPES.dockerManifestV1, MEDIA_TYPES.dockerManifestV1Signed]);
const foreignLayerTypes = new Set<string>([
  MEDIA_TYPES.dockerForeignLayer,
  MEDIA_TYPES.ociForeignLayer,
  MEDIA_TYPES.ociForeignLayerGzip,
  MEDIA_TYPES.ociForeignLayerZstd,
]);
// Registries of 2016 stored configs under these (distribution/distribution#1621); dockerd still takes them for images.
const imageConfigTypes = new Set<string>([
  MEDIA_TYPES.dockerConfig,
  MEDIA_TYPES.ociConfig,
  'application/octet-stream',
  'application/json',
  'text/html',
]);

// cosign gives its signatures, attestations and SBOMs the config of an image; only their layers tell what they are.
const proofTypes =
  /^(?:application\/vnd\.(?:in-toto|dsse|dev\.cosign|dev\.sigstore|cyclonedx|syft)\b|(?:application|text)\/spdx\b)/;

/** What to ask a registry for, in one `Accept`. Schema 1 is left out on purpose: it is refused anyway. */
export const acceptedManifestTypes: readonly string[] = [...imageManifestTypes, ...indexTypes];

/** Whether it names an index (manifest list). */
export function isIndexType(mediaType: string): boolean {
  return indexTypes.has(mediaType);
}

/** Whether it names the manifest of one image or artifact. */
export function isImageManifestType(mediaType: string): boolean {
  return imageManifestTypes.has(mediaType);
}

/** Whether it names Docker's first manifest format, which is refused. */
export function isSchema1Type(mediaType: string): boolean {
  return schema1Types.has(mediaType);
}

/** Whether it names a layer that registries do not keep (`urls` say where it is). */
export function isForeignLayerType(mediaType: string): boolean {
  return foreignLayerTypes.has(mediaType);
}

/** Whether it names a signature, an attestation or an SBOM, where an image would have a layer. */
export function isProofType(mediaType: string): boolean {
  return proofTypes.test(mediaType);
}

/** Whether a config of this type describes an image that could run. */
export function isImageConfigType(mediaType: string): boolean {
  return imageConfigTypes.has(mediaType);
}
