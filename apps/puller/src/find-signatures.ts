import { type Descriptor, type Digest, type ImageManifest, parseManifest } from '@entrepot/oci';
import { type RegistryClient, RegistryError, type RequestContext } from '@entrepot/registry-client';

/** A signature as a registry keeps it, not judged yet. */
export type FoundSignature = { from: string } & (
  | { kind: 'simple'; payload: Buffer; signature: string }
  | { kind: 'bundle'; bytes: Buffer }
  /** It is there and cannot be read; why. */
  | { kind: 'broken'; reason: string }
);

const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const signatureTypes = /^application\/vnd\.dev\.(?:cosign\.(?:artifact\.sig\.|simplesigning\.)|sigstore\.bundle\.)/;
const bundleType = /^application\/vnd\.dev\.sigstore\.bundle[.+]/;

/** Nobody signs an image so often; whoever floods it with signatures only hides his own. */
const maxManifests = 20;
const maxSignatures = 50;
const maxSignatureBytes = 1024 * 1024;

/**
 * The signatures of one manifest: by the referrers API or the tag that stands in for it, and by the tag of older cosigns.
 *
 * @throws {RegistryError} the registry cannot be asked
 */
export async function* findSignatures(
  registry: RegistryClient,
  repository: string,
  digest: Digest,
  context: RequestContext,
): AsyncGenerator<FoundSignature> {
  let left = maxSignatures;
  for await (const { name, manifest } of signatureManifests(registry, repository, digest, context)) {
    if (manifest === null) {
      yield { from: name, kind: 'broken', reason: 'its manifest is malformed' };
      continue;
    }
    for (const layer of manifest.layers) {
      if (layer.mediaType !== simpleSigningType && !bundleType.test(layer.mediaType)) continue;
      if (left-- === 0) return;
      yield await readSignature(registry, repository, layer, { name, context });
    }
  }
}

interface SignatureManifest {
  name: string;
  /** Null when it cannot be read. */
  manifest: ImageManifest | null;
}

async function* signatureManifests(
  registry: RegistryClient,
  repository: string,
  digest: Digest,
  context: RequestContext,
): AsyncGenerator<SignatureManifest> {
  const tag = `${digest.replace(':', '-')}.sig`;
  const tagged = await readManifest(registry, repository, tag, context);
  if (tagged) yield tagged;
  const referrers = await registry.listReferrers(repository, digest, context);
  const candidates = referrers.filter(
    ({ artifactType = '' }) => artifactType === '' || signatureTypes.test(artifactType),
  );
  for (const { digest: referrer } of candidates.slice(0, maxManifests)) {
    const found = await readManifest(registry, repository, referrer, context);
    // A list is a claim; the manifest itself says what it refers to.
    if (found && (found.manifest === null || found.manifest.subject?.digest === digest)) yield found;
  }
}

/** Null when there is none. */
async function readManifest(
  registry: RegistryClient,
  repository: string,
  name: string,
  context: RequestContext,
): Promise<SignatureManifest | null> {
  try {
    const { bytes, mediaType } = await registry.getManifest(repository, name, { ...context, withoutMirrors: true });
    return { name, manifest: parseImage(bytes, mediaType) };
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return null;
    throw error;
  }
}

function parseImage(bytes: Buffer, mediaType: string): ImageManifest | null {
  try {
    const manifest = parseManifest(bytes, mediaType);
    return manifest.kind === 'image' ? manifest : null;
  } catch {
    return null;
  }
}

async function readSignature(
  registry: RegistryClient,
  repository: string,
  layer: Descriptor,
  { name, context }: { name: string; context: RequestContext },
): Promise<FoundSignature> {
  if (layer.sizeBytes > maxSignatureBytes) {
    return { from: name, kind: 'broken', reason: `it is larger than ${maxSignatureBytes} bytes` };
  }
  const bytes =
    layer.embedded ??
    (await registry.getBlob(repository, layer, { ...context, withoutMirrors: true }, maxSignatureBytes));
  if (layer.mediaType !== simpleSigningType) return { from: name, kind: 'bundle', bytes };
  return { from: name, kind: 'simple', payload: bytes, signature: layer.annotations?.[signatureAnnotation] ?? '' };
}
