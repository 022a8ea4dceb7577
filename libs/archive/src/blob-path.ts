import { type Digest, digestAlgorithm, digestHex, isDigest } from '@entrepot/oci';

/** Where an OCI layout keeps a blob. */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** Whether an entry lies where blobs lie; then its name is a promise about its content. */
export function isBlobPath(path: string): boolean {
  return blobPattern.test(path);
}

/** The promise in the name of a blob's entry; null when it is no digest that is known here. */
export function digestInPath(path: string): Digest | null {
  const [, algorithm, hex] = blobPattern.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : null;
}

/** At the top, or below one folder when somebody packed a layout with the folder that it was in. */
const blobPattern = /^(?:[^/]+\/)?blobs\/([^/]+)\/([^/]+)$/;
