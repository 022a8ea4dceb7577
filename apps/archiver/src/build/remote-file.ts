import { createHash } from 'node:crypto';
import { admitBlobs, type ContentContext, openBlob, openIngest } from '@entrepot/content';
import { type IndexEntry, MergedTree, plainTar } from '@entrepot/layers';
import { isDigest } from '@entrepot/oci';
import type { Reach } from '@entrepot/registry-client';
import { ContainerPathError } from '../containers/errors.js';
import { openUrl } from '../containers/open-url.js';
import type { CopySource } from './copy/find-sources.js';
import { BuildError } from './errors.js';
import type { BuildMessage } from './image-builder.js';

const maxDownloadBytes = 16 * 1024 ** 3;
const uploadKeptMs = 60 * 60_000;

/** What ADD is to fetch. */
export interface RemoteWish {
  url: string;
  destination: string;
  /** `sha256:…`; null takes what comes. */
  checksum: string | null;
  /** How near to us it may lead. */
  reach: Reach;
}

/** Whether a source of ADD or COPY is an address. */
export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/**
 * Fetches a file into the store, for the time of the build.
 *
 * @throws {BuildError} it is not there, has no name, or another checksum
 */
export async function fetchRemote(
  content: ContentContext,
  lease: { owner: string; leaseMs: number },
  { url, destination, checksum, reach }: RemoteWish,
  say: (message: BuildMessage) => void,
  signal: AbortSignal,
): Promise<CopySource> {
  const name = fileNameOf(url);
  if (name === '' && destination.endsWith('/')) {
    throw new BuildError(400, `cannot determine filename for source ${url}`);
  }
  if (checksum !== null && !isDigest(checksum))
    throw new BuildError(400, `invalid checksum digest format: ${checksum}`);
  const ingest = await openIngest(content, { owner: lease.owner, ttlMs: uploadKeptMs });
  try {
    const { body, modifiedAt } = await openUrl(url, reach, signal);
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of body) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxDownloadBytes) throw new BuildError(400, `${url} is larger than ${maxDownloadBytes} bytes`);
      hash.update(chunk);
      const full = ingest.write(chunk);
      if (full) await full;
    }
    const sha256 = hash.digest('hex');
    if (checksum !== null && checksum !== `sha256:${sha256}`) {
      throw new BuildError(400, `digest mismatch for ${url}: sha256:${sha256}, expected ${checksum}`);
    }
    const stored = await ingest.finish();
    await content.database.transaction((tx) => admitBlobs(tx, [stored], lease));
    say({ status: `Downloading ${url}`, progressDetail: { current: sizeBytes, total: sizeBytes } });
    const path = name === '' ? '__unnamed__' : name;
    const mtimeMs = modifiedAt?.getTime() ?? 0;
    const entry = { ...plainFile, path, sizeBytes, storedBytes: sizeBytes, mtimeMs, sha256 };
    const tree = await MergedTree.of([[entry]]);
    const tar = plainTar((range) => openBlob(content, stored.digest, range));
    const found = tree.find(path);
    if (found === null) throw new Error(`${path} is not there`);
    const files = { tree, sourceOf: () => ({ tar, entry }), isContext: true };
    return { files, found, name: path, hash: sha256, keepPacked: true };
  } catch (error) {
    await ingest.abort();
    throw error instanceof ContainerPathError ? new BuildError(400, error.message) : error;
  }
}

function fileNameOf(url: string): string {
  const path = new URL(url).pathname;
  const name = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
  return name.includes('/') || name === '.' || name === '..' ? '' : name;
}

const plainFile: Omit<IndexEntry, 'path' | 'sizeBytes' | 'storedBytes' | 'mtimeMs' | 'sha256'> = {
  ...{ type: 'file', mode: 0o600, uid: 0, gid: 0, linkTarget: null, device: null, xattrs: {} },
  ...{ offsetBytes: 0, sparse: null },
};
