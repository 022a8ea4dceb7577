import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobStore, BlobStoreListing, BlobStoreReadiness, SafeState, Upload } from '../blob-store.js';
import { newStorageKey, type StorageKey } from '../storage-key.js';

/** What both adapters are. */
export type Store = BlobStore & BlobStoreListing & BlobStoreReadiness;

export const mebibyte = 1024 * 1024;

/** Stores the bytes under a new key. */
export async function stored(store: Store, bytes: Buffer, chunkBytes = mebibyte): Promise<StorageKey> {
  const key = newStorageKey();
  const upload = await store.openUpload(key, bytes.length);
  expect(upload.offsetBytes).toBe(0);
  await write(upload, bytes, chunkBytes);
  await upload.commit();
  return key;
}

/** Writes as a caller must: waits when it is told to. */
export async function write(upload: Upload, bytes: Buffer, chunkBytes = mebibyte): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) await upload.write(bytes.subarray(at, at + chunkBytes));
}

/** All bytes of a blob. */
export async function read(store: Store, key: StorageKey): Promise<Buffer> {
  return buffer(await store.open(key));
}

/** Waits until that many bytes would survive this process. */
export async function keptBytes(upload: Upload, atLeastBytes: number): Promise<SafeState> {
  while (upload.state().safeBytes < atLeastBytes) await sleep(5);
  return upload.state();
}

/** Reads one chunk and goes away. */
export async function abandon(stream: Readable): Promise<void> {
  for await (const _chunk of stream) break;
  expect(stream.destroyed).toBe(true);
}

/** What the store lists, by key. */
export async function listing(store: Store): Promise<Map<StorageKey, number>> {
  const found = new Map<StorageKey, number>();
  for await (const { key, sizeBytes } of store.list()) found.set(key, sizeBytes);
  return found;
}

/** The value as another process gets it. */
export function json<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** Short enough for the message of a failed comparison. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
