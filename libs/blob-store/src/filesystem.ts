import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, rm, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import {
  BlobNotFoundError,
  type BlobStore,
  type BlobStoreListing,
  type BlobStoreReadiness,
  type BlobStoreSpace,
  type ByteRange,
  type StoredBlob,
  type Upload,
  type UploadState,
} from './blob-store.js';
import { checkRange, checkSize } from './byte-range.js';
import { CommittedUpload } from './committed-upload.js';
import { type BlobPlace, filesystemError, folderMode, keyOf, placeOf, unless } from './filesystem/paths.js';
import { resumeFilesystemUpload, startFilesystemUpload } from './filesystem/upload.js';
import type { StorageKey } from './storage-key.js';

const readBytes = 512 * 1024;

/**
 * Blobs as files below one folder: `blobs/` holds what is committed, under its
 * key, and `uploads/` what is not. Both must be on one filesystem. A commit is
 * synced before it returns, so it survives a power cut; an unfinished upload
 * survives a kill, but after a power cut its tail may be missing or wrong.
 */
export class FilesystemBlobStore implements BlobStore, BlobStoreListing, BlobStoreReadiness, BlobStoreSpace {
  constructor(private readonly rootFolder: string) {}

  openUpload(key: StorageKey, sizeBytes: number | null, resume?: UploadState): Promise<Upload> {
    return attempt(`the upload of ${key}`, async () => {
      const place = placeOf(this.rootFolder, key);
      checkSize(sizeBytes);
      const resumed = resume === undefined || sizeBytes === null ? null : await this.#resume(place, sizeBytes, resume);
      return resumed ?? startFilesystemUpload(place, sizeBytes);
    });
  }

  open(key: StorageKey, range: ByteRange = {}, signal?: AbortSignal): Promise<Readable> {
    return attempt(`reading ${key}`, async () => {
      const { fromByte, toByte } = checkRange(range);
      signal?.throwIfAborted();
      const handle = await openBlob(placeOf(this.rootFolder, key));
      const stream = await streamOf(handle, fromByte, toByte);
      return signal === undefined ? stream : addAbortSignal(signal, stream);
    });
  }

  async *pieces(key: StorageKey, range: ByteRange = {}, signal?: AbortSignal): AsyncGenerator<Buffer> {
    try {
      const { fromByte, toByte } = checkRange(range);
      yield* piecesOf(await openBlob(placeOf(this.rootFolder, key)), fromByte, toByte, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw filesystemError(error, `reading ${key}`);
    }
  }

  delete(key: StorageKey): Promise<void> {
    return attempt(`deleting ${key}`, async () => {
      const place = placeOf(this.rootFolder, key);
      await rm(place.uploadFolder, { recursive: true, force: true });
      await unless(['ENOENT', 'ENOTDIR', 'EISDIR'], () => unlink(place.blobPath));
    });
  }

  async *list(): AsyncGenerator<StoredBlob> {
    const top = join(this.rootFolder, 'blobs');
    try {
      yield* filesBelow(top, '');
    } catch (error) {
      throw filesystemError(error, 'listing');
    }
  }

  ensureReady(): Promise<void> {
    return attempt('its folders', async () => {
      for (const name of ['blobs', 'uploads']) {
        const folder = join(this.rootFolder, name);
        await mkdir(folder, { recursive: true, mode: folderMode });
        await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      }
    });
  }

  /** Of the filesystem, as far as this user may fill it. */
  freeBytes(): Promise<number> {
    return attempt('its free space', async () => {
      await mkdir(this.rootFolder, { recursive: true, mode: folderMode });
      const { bavail, bsize } = await statfs(this.rootFolder);
      return bavail * bsize;
    });
  }

  async #resume(place: BlobPlace, sizeBytes: number, resume: UploadState): Promise<Upload | null> {
    const left = await resumeFilesystemUpload(place, sizeBytes, resume);
    if (left !== null) return left;
    const isCommitted = (await fileSize(place.blobPath)) === sizeBytes;
    return isCommitted ? new CommittedUpload(place.key, sizeBytes, () => this.delete(place.key)) : null;
  }
}

async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw filesystemError(error, what);
  }
}

async function openBlob({ key, blobPath }: BlobPlace): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const handle = await unless(['ENOENT', 'ENOTDIR', 'ELOOP'], () => open(blobPath, flags));
  if (handle === null) throw new BlobNotFoundError(key);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new BlobNotFoundError(key);
}

async function streamOf(handle: FileHandle, fromByte: number, toByte: number): Promise<Readable> {
  if (fromByte === toByte) {
    await handle.close();
    return Readable.from([]);
  }
  return handle.createReadStream({ start: fromByte, end: toByte - 1, highWaterMark: readBytes });
}

/** Reads the next piece while the caller works on this one. */
async function* piecesOf(
  handle: FileHandle,
  fromByte: number,
  toByte: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const pieceBytes = Math.min(readBytes, toByte - fromByte);
  const memory = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  let position = fromByte;
  const readInto = (buffer: Buffer): Promise<Buffer> => {
    const read = handle.read(buffer, 0, Math.min(buffer.length, toByte - position), position).then(({ bytesRead }) => {
      position += bytesRead;
      return buffer.subarray(0, bytesRead);
    });
    // It may fail while the caller works on the piece before, who hears of it with the next one.
    read.catch(() => {});
    return read;
  };
  let reading = readInto(memory[0]);
  try {
    for (let turn = 1; ; turn++) {
      signal?.throwIfAborted();
      const piece = await reading;
      if (piece.length === 0) return;
      reading = readInto(memory[turn % 2 === 0 ? 0 : 1]);
      yield piece;
    }
  } finally {
    await reading.catch(() => {});
    await handle.close();
  }
}

async function fileSize(path: string): Promise<number | null> {
  const found = await unless(['ENOENT', 'ENOTDIR'], () => stat(path));
  return found?.isFile() ? found.size : null;
}

/** What a delete removes meanwhile is passed over. */
async function* filesBelow(folder: string, prefix: string): AsyncGenerator<StoredBlob> {
  const entries = await unless(['ENOENT'], () => readdir(folder, { withFileTypes: true }));
  for (const entry of entries ?? []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, `${prefix}${entry.name}/`);
    const sizeBytes = entry.isFile() ? await fileSize(path) : null;
    if (sizeBytes !== null) yield { key: keyOf(prefix + entry.name), sizeBytes };
  }
}
