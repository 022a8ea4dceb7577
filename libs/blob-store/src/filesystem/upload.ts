import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BlobSizeMismatchError,
  BlobUploadLostError,
  maxUnsizedBytes,
  type SafeState,
  type Upload,
  type UploadState,
} from '../blob-store.js';
import { BatchedFile } from './batched-file.js';
import { lentBytes } from './block-memory.js';
import {
  type BlobPlace,
  fileMode,
  filesystemError,
  folderMode,
  moveIntoPlace,
  removeIfEmpty,
  unless,
} from './paths.js';

/** A new upload; whatever was on its way under this key before is gone. */
export async function startFilesystemUpload(place: BlobPlace, sizeBytes: number | null): Promise<Upload> {
  const { uploadFolder } = place;
  if ((await unless(['EEXIST', 'ENOENT'], () => mkdir(uploadFolder, folderMode))) === null) {
    await rm(uploadFolder, { recursive: true, force: true });
    await mkdir(uploadFolder, { recursive: true, mode: folderMode });
  }
  const path = join(uploadFolder, randomUUID());
  const handle = await open(path, newFile, fileMode);
  return new FilesystemUpload(place, sizeBytes, path, new BatchedFile(handle, 0, await openDirect(path, sizeBytes)));
}

/**
 * Goes on with what an earlier owner left, or null when that left nothing. The
 * file gets a new name, so that the earlier owner, if it is alive after all,
 * can neither publish nor delete it.
 */
export async function resumeFilesystemUpload(
  place: BlobPlace,
  sizeBytes: number,
  resume: UploadState,
): Promise<Upload | null> {
  const left = await largestFile(place.uploadFolder);
  if (left === null) return null;
  const path = join(place.uploadFolder, randomUUID());
  if ((await unless(['ENOENT'], () => rename(left.path, path))) === null) return null;
  const handle = await open(path, oldFile);
  const safeBytes = typeof resume.safeBytes === 'number' ? resume.safeBytes : 0;
  const offsetBytes = Math.min(left.sizeBytes, safeBytes, sizeBytes);
  await handle.truncate(offsetBytes);
  return new FilesystemUpload(place, sizeBytes, path, new BatchedFile(handle, offsetBytes));
}

/** Past the page cache, for what is larger than a batch; null where the filesystem cannot. */
async function openDirect(path: string, sizeBytes: number | null): Promise<FileHandle | null> {
  if (constants.O_DIRECT === undefined || (sizeBytes !== null && sizeBytes < lentBytes)) return null;
  return await unless(['EINVAL'], () => open(path, directFile));
}

/** Never follows a link, and never opens a file that somebody else made. */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const oldFile = constants.O_WRONLY | constants.O_NOFOLLOW;
const directFile = oldFile | constants.O_DIRECT;

class FilesystemUpload implements Upload {
  readonly offsetBytes: number;
  #acceptedBytes: number;
  #phase: 'open' | 'committed' | 'ended' = 'open';
  #commit: Promise<void> | null = null;

  constructor(
    private readonly place: BlobPlace,
    private readonly sizeBytes: number | null,
    private readonly path: string,
    private readonly file: BatchedFile,
  ) {
    this.offsetBytes = file.writtenBytes;
    this.#acceptedBytes = file.writtenBytes;
  }

  write(chunk: Buffer): void | Promise<void> {
    if (this.#phase !== 'open') return Promise.reject(new BlobUploadLostError(this.place.key));
    this.#acceptedBytes += chunk.length;
    if (this.#acceptedBytes > (this.sizeBytes ?? maxUnsizedBytes)) return Promise.reject(this.#sizeMismatch());
    return this.file.append(chunk)?.catch((error) => this.#fail(error));
  }

  state(): SafeState {
    const safeBytes = this.file.writtenBytes;
    return { safeBytes, state: { safeBytes } };
  }

  commit(): Promise<void> {
    this.#commit ??= this.#publish().catch((error) => {
      this.#commit = null;
      return this.#fail(error);
    });
    return this.#commit;
  }

  async abort(): Promise<void> {
    await this.#commit?.catch(() => {});
    if (this.#phase === 'committed') return;
    this.#phase = 'ended';
    await this.#attempt(async () => {
      await this.file.close();
      await rm(this.path, { force: true });
      await removeIfEmpty(this.place.uploadFolder);
    });
  }

  async suspend(): Promise<SafeState> {
    await this.#commit?.catch(() => {});
    if (this.#phase === 'open') {
      this.#phase = 'ended';
      await this.file.flush().catch(() => {});
      await this.#attempt(() => this.file.close());
    }
    return this.state();
  }

  async #publish(): Promise<void> {
    if (this.#phase === 'committed') return;
    if (this.#phase === 'ended') throw new BlobUploadLostError(this.place.key);
    await this.file.flush();
    if (this.sizeBytes !== null && this.#acceptedBytes !== this.sizeBytes) throw this.#sizeMismatch();
    await this.file.handle.datasync();
    await moveIntoPlace(this.path, this.place);
    this.#phase = 'committed';
    await Promise.all([this.file.close(), removeIfEmpty(this.place.uploadFolder)]);
  }

  #sizeMismatch(): BlobSizeMismatchError {
    return new BlobSizeMismatchError(this.place.key, this.sizeBytes ?? maxUnsizedBytes, this.#acceptedBytes);
  }

  #attempt(action: () => Promise<void>): Promise<void> {
    return action().catch((error) => this.#fail(error));
  }

  #fail(error: unknown): never {
    throw filesystemError(error, `the upload of ${this.place.key}`);
  }
}

/** There is one file, unless two owners took over at the same moment. */
async function largestFile(folder: string): Promise<FoundFile | null> {
  let largest: FoundFile | null = null;
  for (const name of (await unless(['ENOENT'], () => readdir(folder))) ?? []) {
    const path = join(folder, name);
    const found = await unless(['ENOENT'], () => stat(path));
    if (found !== null && found.size >= (largest?.sizeBytes ?? 0)) largest = { path, sizeBytes: found.size };
  }
  return largest;
}

interface FoundFile {
  path: string;
  sizeBytes: number;
}
