/** Archives made in memory, in the shapes that real tools write. For tests only. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Digest, digestHex, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import { type Header, pack } from 'tar-stream';
import type { ArchiveSink } from './archive-sink.js';
import { blobPath } from './blob-path.js';
import { meterEntry } from './meter-entry.js';
import type { StoredManifest } from './stored-manifest.js';

/** One file, link or folder of a tar. */
export type TarFile = Partial<Header> & { name: string; body?: Buffer | string };

/** A closed tar with these entries in this order. */
export async function tar(...entries: TarFile[]): Promise<Buffer> {
  const stream = pack();
  for (const { body, ...header } of entries) {
    if (body === undefined) stream.entry(header).end(null);
    else stream.entry(header, body);
  }
  stream.finalize();
  return buffer(stream as unknown as Readable);
}

/** A stream of these bytes in pieces, as they come from a socket. */
export function streamOf(bytes: Buffer, pieceBytes = 10_000): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
    bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );
  return Readable.from(pieces, { objectMode: false });
}

/** A sink that keeps everything in memory. */
export class MemorySink implements ArchiveSink {
  readonly blobs = new Map<Digest, Buffer>();
  readonly paths: string[] = [];

  async put(...[entry, body]: Parameters<ArchiveSink['put']>): ReturnType<ArchiveSink['put']> {
    const metered = meterEntry(entry, body);
    const chunks: Buffer[] = [];
    for await (const chunk of metered.body) chunks.push(chunk);
    const stored = await metered.result();
    this.blobs.set(stored.digest, Buffer.concat(chunks));
    this.paths.push(entry.path);
    return stored;
  }
}

/** An image with all its bytes. */
export interface TestImage {
  manifest: StoredManifest;
  config: Buffer;
  /** As the manifest names them. */
  layers: Buffer[];
  /** Unpacked. */
  plainLayers: Buffer[];
}

/** A small image; the same arguments make the same bytes. */
export async function testImage(
  name: string,
  { gzip = true, layers: count = 2, architecture = 'amd64' } = {},
): Promise<TestImage> {
  const names = Array.from({ length: count }, (_, at) => (at === 0 ? 'base' : `${name}-${at}`));
  const plainLayers = await Promise.all(
    names.map((file) => tar({ name: file, body: file.repeat(100), mtime: new Date(0) })),
  );
  const layers = plainLayers.map((layer) => (gzip ? gzipSync(layer) : layer));
  const config = jsonBytes({
    architecture,
    os: 'linux',
    config: { Labels: { name } },
    rootfs: { type: 'layers', diff_ids: plainLayers.map((layer) => digestOf(layer)) },
  });
  return { manifest: imageManifest(config, layers, gzip), config, layers, plainLayers };
}

/** The entry of a blob in a layout. */
export function blobFile(bytes: Buffer): TarFile {
  return { name: blobPath(digestOf(bytes)), body: bytes };
}

/** All blobs of an image, its manifest first. */
export function blobFiles({ manifest, config, layers }: TestImage): TarFile[] {
  return [manifest.bytes, config, ...layers].map(blobFile);
}

/** `index.json` with one entry per manifest. */
export function indexFile(...entries: [StoredManifest, Record<string, string>?][]): TarFile {
  const manifests = entries.map(([{ mediaType, digest, bytes }, annotations]) => ({
    mediaType,
    digest,
    size: bytes.length,
    annotations,
  }));
  return { name: 'index.json', body: jsonBytes({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }) };
}

/** `manifest.json` as docker writes it. */
export function manifestFile(...entries: { Config: string; RepoTags: string[] | null; Layers: string[] }[]): TarFile {
  return { name: 'manifest.json', body: jsonBytes(entries) };
}

/** What docker 20.10 saves: one folder per layer, a link for a layer that the archive has already. */
export function legacyFiles(
  repoTags: string[] | null,
  image: TestImage,
  linked: Record<number, string> = {},
): TarFile[] {
  const folders = image.plainLayers.map((_, at) => digestHex(digestOf(Buffer.from(`${digestOf(image.config)} ${at}`))));
  const config = `${digestHex(digestOf(image.config))}.json`;
  const files = image.plainLayers.flatMap((layer, at): TarFile[] => [
    { name: `${folders[at]}/`, type: 'directory' },
    { name: `${folders[at]}/VERSION`, body: '1.0' },
    { name: `${folders[at]}/json`, body: jsonBytes({ id: folders[at], os: 'linux' }) },
    linked[at] === undefined
      ? { name: `${folders[at]}/layer.tar`, body: layer }
      : { name: `${folders[at]}/layer.tar`, type: 'symlink', linkname: `../${linked[at]}/layer.tar` },
  ]);
  const layers = folders.map((folder) => `${folder}/layer.tar`);
  return [
    ...files,
    { name: config, body: image.config },
    manifestFile({ Config: config, RepoTags: repoTags, Layers: layers }),
  ];
}

/** An index over manifests. */
export function testIndex(...children: [StoredManifest, object?][]): StoredManifest {
  const manifests = children.map(([{ mediaType, digest, bytes }, rest]) => ({
    mediaType,
    digest,
    size: bytes.length,
    ...rest,
  }));
  const bytes = jsonBytes({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociIndex, bytes };
}

export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function imageManifest(config: Buffer, layers: Buffer[], gzip: boolean): StoredManifest {
  const describe = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const bytes = jsonBytes({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: describe(MEDIA_TYPES.ociConfig, config),
    layers: layers.map((layer) => describe(gzip ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayer, layer)),
  });
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociManifest, bytes };
}
