/**
 * A layer that is made here. Every choice is fixed (whole seconds, no owner names, PAX only where the plain fields do not
 * do), so that equal entries give equal bytes.
 */
import type { TarEntryType } from './tar-entry.js';
import { tarEnd, tarPadding, writeTarHeader } from './tar-writer.js';
import { opaqueName, whiteoutName } from './whiteout.js';

/** One entry of a layer to write. Texts stand for bytes (byte-text.ts). */
export interface LayerItem {
  /** Clean; folders get a closing slash where they have none. `''` is the root. */
  path: string;
  type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Fractions of a second are dropped. */
  mtimeMs: number;
  /** Of hard links the path of the file, in this layer or below; of symlinks whatever they say. */
  linkTarget?: string | null;
  device?: { major: number; minor: number } | null;
  /** Extended attributes by name. */
  xattrs?: Readonly<Record<string, string>>;
  /** Of files: exactly so many bytes come out of `content`. 0 when not given. */
  sizeBytes?: number;
  /** Called once, when the entry is written. */
  content?: () => AsyncIterable<Buffer> | Iterable<Buffer>;
}

const batchBytes = 64 * 1024;

/**
 * The tar of a layer, entries in the order they come. Memory is bounded by the largest chunk of a content; small pieces
 * are put together.
 *
 * @throws {ContentSizeError} a content has more or fewer bytes than its entry says
 */
export async function* writeLayer(items: AsyncIterable<LayerItem> | Iterable<LayerItem>): AsyncGenerator<Buffer> {
  let batch: Buffer[] = [];
  let waitingBytes = 0;
  for await (const piece of pieces(items)) {
    batch.push(piece);
    waitingBytes += piece.length;
    if (waitingBytes < batchBytes) continue;
    yield batch.length === 1 ? piece : Buffer.concat(batch, waitingBytes);
    batch = [];
    waitingBytes = 0;
  }
  yield Buffer.concat(batch, waitingBytes);
}

/** The entry by which a layer removes what the layers below have at a path. */
export function whiteoutItem(path: string, mtimeMs: number): LayerItem {
  return { path: whiteoutName(path), type: 'file', mode: 0o600, uid: 0, gid: 0, mtimeMs };
}

/** The entry by which a layer hides everything that the layers below have in a folder. */
export function opaqueItem(path: string, mtimeMs: number): LayerItem {
  return { path: opaqueName(path), type: 'file', mode: 0o600, uid: 0, gid: 0, mtimeMs };
}

async function* pieces(items: AsyncIterable<LayerItem> | Iterable<LayerItem>): AsyncGenerator<Buffer> {
  for await (const item of items) {
    const sizeBytes = item.type === 'file' ? (item.sizeBytes ?? 0) : 0;
    yield headerOf(item, sizeBytes);
    if (sizeBytes === 0) continue;
    yield* exactly(item, sizeBytes);
    yield tarPadding(sizeBytes);
  }
  yield tarEnd;
}

function headerOf(item: LayerItem, sizeBytes: number): Buffer {
  const { path, type } = item;
  return writeTarHeader({
    name: type === 'directory' && !path.endsWith('/') ? `${path === '' ? '.' : path}/` : path,
    type,
    mode: item.mode,
    uid: item.uid,
    gid: item.gid,
    sizeBytes,
    mtimeMs: Math.floor(item.mtimeMs / 1000) * 1000,
    linkTarget: item.linkTarget ?? null,
    device: item.device ?? null,
    xattrs: item.xattrs ?? {},
  });
}

async function* exactly({ path, content }: LayerItem, sizeBytes: number): AsyncGenerator<Buffer> {
  let sentBytes = 0;
  for await (const chunk of content?.() ?? []) {
    sentBytes += chunk.length;
    if (sentBytes > sizeBytes) break;
    yield chunk;
  }
  if (sentBytes !== sizeBytes) throw new ContentSizeError(path, sizeBytes, sentBytes);
}

/** What was to become a file in a layer did not have the size that was said. */
export class ContentSizeError extends Error {
  override readonly name = 'ContentSizeError';
  readonly code = 'CONTENT_SIZE' as const;
  readonly retryable = false;

  constructor(
    readonly path: string,
    readonly expectedBytes: number,
    readonly actualBytes: number,
  ) {
    super(`content of ${path}: expected ${expectedBytes} bytes, got ${actualBytes}`);
  }
}
