import { gzipSync } from 'node:zlib';
import { type Descriptor, type Digest, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import { type Header, pack } from 'tar-stream';
import { zstdStored } from './bytes.js';

/** One entry of a layer; a whiteout is a file with its special name. */
export interface LayerEntry {
  name: string;
  /** Default `file`, or `directory` when the name ends with a slash. */
  type?: NonNullable<Header['type']>;
  content?: string | Buffer;
  linkname?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Of devices. */
  devmajor?: number;
  devminor?: number;
  /** Default the start of 2024. */
  mtime?: Date;
  /** Extended attributes and other PAX records. */
  pax?: Record<string, string>;
}

/** How to make a layer. */
export interface LayerRecipe {
  entries?: LayerEntry[];
  /** The uncompressed layer itself, instead of entries. */
  tar?: Buffer;
  /** Default gzip. */
  compression?: 'none' | 'gzip' | 'zstd';
  /** Default by format and compression. */
  mediaType?: string;
  /** Its line of the history. */
  createdBy?: string;
  annotations?: Record<string, string>;
  urls?: string[];
  /** What config (diff id) and manifest say instead of the truth. The blob is served under the digest that is named. */
  lie?: { diffId?: Digest; digest?: Digest; sizeBytes?: number };
}

export interface BuiltLayer {
  /** As the manifest says it. */
  descriptor: Descriptor;
  /** As the config says it. */
  diffId: Digest;
  /** As stored. */
  bytes: Buffer;
  /** Uncompressed. */
  tar: Buffer;
  createdBy: string;
}

/** The start of 2024, at which everything here is made. */
export const imageTime = new Date('2024-01-01T00:00:00Z');

/** Makes a layer from entries, in their order. */
export async function buildLayer(
  recipe: LayerRecipe | LayerEntry[],
  format: 'docker' | 'oci' = 'docker',
): Promise<BuiltLayer> {
  const {
    entries = [],
    compression = 'gzip',
    lie = {},
    ...rest
  } = Array.isArray(recipe) ? { entries: recipe } : recipe;
  const tar = rest.tar ?? (await buildTar(entries));
  const bytes = compress[compression](tar);
  const descriptor: Descriptor = {
    mediaType: rest.mediaType ?? layerTypes[format][compression],
    digest: lie.digest ?? digestOf(bytes),
    sizeBytes: lie.sizeBytes ?? bytes.length,
    annotations: rest.annotations,
    urls: rest.urls,
  };
  const createdBy = rest.createdBy ?? `COPY ${entries[0]?.name ?? 'nothing'} / # test`;
  return { descriptor, diffId: lie.diffId ?? digestOf(tar), bytes, tar, createdBy };
}

/** A tar of the entries, the same bytes each time. */
export async function buildTar(entries: readonly LayerEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const entry of entries) tar.entry(headerOf(entry), entry.content ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const compress = { none: (bytes: Buffer) => bytes, gzip: gzipSync, zstd: zstdStored };

const layerTypes = {
  docker: {
    none: MEDIA_TYPES.dockerLayer,
    gzip: MEDIA_TYPES.dockerLayerGzip,
    zstd: MEDIA_TYPES.dockerLayerZstd,
  },
  oci: { none: MEDIA_TYPES.ociLayer, gzip: MEDIA_TYPES.ociLayerGzip, zstd: MEDIA_TYPES.ociLayerZstd },
};

function headerOf({ content, ...entry }: LayerEntry): Partial<Header> & { name: string } {
  const type = entry.type ?? (entry.name.endsWith('/') ? 'directory' : 'file');
  const size = type === 'file' ? Buffer.byteLength(content ?? '') : 0;
  return { mode: type === 'directory' ? 0o755 : 0o644, mtime: imageTime, ...entry, type, size };
}
