import { mkdir, open, rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BlobStoreFullError, BlobStoreUnavailableError, BlobUploadLostError } from '../blob-store.js';
import { checkStorageKey, type StorageKey } from '../storage-key.js';

/**
 * Where one key lives: committed as `blobs/sha256/ab/<hex>+<upload id>`, on its
 * way in as the only file of `uploads/<key with + for />/`. The folders below
 * `blobs` are few (256 for each algorithm) and stay; one of `uploads` goes with its upload.
 */
export interface BlobPlace {
  key: StorageKey;
  blobPath: string;
  uploadFolder: string;
}

/** The bytes belong to the service alone. */
export const folderMode = 0o700;
export const fileMode = 0o600;

/** @throws {InvalidStorageKeyError} do not retry */
export function placeOf(rootFolder: string, key: StorageKey): BlobPlace {
  checkStorageKey(key);
  const segments = key.split('/');
  const name = segments.splice(-2).join('+');
  return {
    key,
    blobPath: join(rootFolder, 'blobs', ...segments, name),
    uploadFolder: join(rootFolder, 'uploads', key.replaceAll('/', '+')),
  };
}

/** The key of a file below `blobs`, whose path relative to that is given. */
export function keyOf(relativePath: string): StorageKey {
  return relativePath.replace('+', '/');
}

/**
 * Makes a synced upload readable. When this returns, a power cut cannot take its name away again.
 *
 * @throws {BlobUploadLostError} the upload is not there any more
 */
export async function moveIntoPlace(uploadPath: string, { key, blobPath }: BlobPlace): Promise<void> {
  const folder = dirname(blobPath);
  const move = () => unless(['ENOENT'], () => rename(uploadPath, blobPath));
  if ((await move()) === null) {
    const firstMade = await mkdir(folder, { recursive: true, mode: folderMode });
    if (firstMade !== undefined) await syncFolders(dirname(folder), dirname(firstMade));
    if ((await move()) === null) throw new BlobUploadLostError(key);
  }
  await syncFolders(folder, folder);
}

/** Tells whether it is gone. */
export async function removeIfEmpty(folder: string): Promise<boolean> {
  return (await unless(['ENOTEMPTY', 'EEXIST', 'ENOENT'], () => rmdir(folder))) !== null;
}

/** What the action gives, or null when it fails with one of these system error codes. */
export async function unless<T>(codes: string[], action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (codes.includes(systemCode(error))) return null;
    throw error;
  }
}

/** Turns what the operating system says into the errors of the port. */
export function filesystemError(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (code === '') return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new BlobStoreFullError(what, { cause: error });
  return new BlobStoreUnavailableError(what, code, { cause: error });
}

/** Empty for anything but an error of a system call. */
function systemCode(error: unknown): string {
  const { syscall, code } = error as NodeJS.ErrnoException;
  return syscall === undefined ? '' : String(code);
}

/** Writes down the names in `folder` and in the folders above it up to `top`. */
async function syncFolders(folder: string, top: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (folder !== top) await syncFolders(dirname(folder), top);
}
