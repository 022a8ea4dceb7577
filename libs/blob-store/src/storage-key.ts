import { randomUUID } from 'node:crypto';
import { type Digest, digestAlgorithm, digestHex } from '@entrepot/oci';

/** The name of stored bytes: `<algorithm>/<hex[0:2]>/<hex>/<upload id>`, or `parked/<upload id>`. */
export type StorageKey = string;

/** A key that nobody had before. Without a digest: for bytes whose digest is known only after they are stored. */
export function newStorageKey(digest?: Digest): StorageKey {
  const uploadId = randomUUID();
  if (digest === undefined) return `parked/${uploadId}`;
  const hex = digestHex(digest);
  return `${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/${uploadId}`;
}

const segment = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const maxKeyLength = 250;

/**
 * Keys become file paths and object names, so they are checked at the door of
 * every adapter: no empty, dotted or absolute segments, nothing to escape.
 *
 * @throws {InvalidStorageKeyError} do not retry
 */
export function checkStorageKey(key: StorageKey): void {
  if (!isStorageKey(key)) throw new InvalidStorageKeyError(key);
}

export function isStorageKey(text: string): text is StorageKey {
  return text.length <= maxKeyLength && text.split('/').every((part) => segment.test(part));
}

/** Something that is no storage key was used as one. */
export class InvalidStorageKeyError extends Error {
  override readonly name = 'InvalidStorageKeyError';
  readonly code = 'INVALID_STORAGE_KEY' as const;
  readonly retryable = false;

  constructor(readonly key: string) {
    super(`invalid storage key ${JSON.stringify(key.slice(0, 100))}`);
  }
}
