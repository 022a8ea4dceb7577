import type { Readable } from 'node:stream';
import {
  asCorruptStream,
  CorruptStreamError,
  decompressed,
  defaultTarLimits,
  EntryBudget,
  EntryRecords,
  expandSparse,
  InvalidTarError,
  isSparse,
  LayerTooLargeError,
  logicalSizeBytes,
  type RecordedEntry,
  type TarEntry,
  TarReader,
  withinLimits,
} from '@entrepot/layers';
import { ContainerPathError } from './errors.js';
import type { StagedContent } from './staged-content.js';

/** One entry of an archive that is to be unpacked; its path is as written, its content is stored already. */
export interface StagedEntry extends RecordedEntry {
  type: TarEntry['type'];
}

/** All of them, in their order: some 100 bytes each. */
export class StagedEntries {
  readonly #records = new EntryRecords();
  readonly #addresses: number[] = [];

  add(entry: StagedEntry): void {
    this.#addresses.push(this.#records.add(entry, true));
  }

  *[Symbol.iterator](): Generator<StagedEntry> {
    for (const address of this.#addresses) yield this.#records.read(address) as StagedEntry;
  }
}

const xattrPrefix = 'SCHILY.xattr.';
const limits = { ...defaultTarLimits, maxEntries: 300_000 };
/** They are put into one tree, and written in one transaction. */
const maxKeptBytes = 150e6;
const maxWaiting = 5_000;

/**
 * Reads an archive that was sent to be unpacked, and stores the content of its files. Nothing at all is an archive
 * without entries.
 *
 * @throws {ContainerPathError} it is no tar, or cut
 * @throws {LayerTooLargeError}
 */
export async function stageArchive(source: Readable, content: StagedContent): Promise<StagedEntries> {
  const staged = new StagedEntries();
  /** Their content has no digest yet, or they come after one of those. */
  let waiting: StagedEntry[] = [];
  const settle = async (): Promise<void> => {
    await content.flush();
    for (const entry of waiting) staged.add(entry);
    waiting = [];
  };
  try {
    const { stream, packedBytes } = await decompressed(source);
    const meter = { packedBytes, entry: (): string | null => reader.entryName };
    const reader: TarReader = new TarReader(withinLimits(stream, limits, meter), limits);
    const budget = new EntryBudget(maxKeptBytes);
    for await (const [entry, body] of reader) {
      const read = await stageEntry(entry, body, content);
      budget.take(read.path, read);
      waiting.push(read);
      if (content.isFlushed || waiting.length >= maxWaiting) await settle();
    }
    await settle();
    return staged;
  } catch (error) {
    throw explain(error);
  }
}

async function stageEntry(entry: TarEntry, body: AsyncIterable<Buffer>, content: StagedContent): Promise<StagedEntry> {
  const { name, type, mode, uid, gid, mtimeMs, linkTarget, device } = entry;
  const sizeBytes = type === 'file' ? logicalSizeBytes(entry) : 0;
  if (sizeBytes > limits.maxBytes) throw new LayerTooLargeError(`larger than ${limits.maxBytes} bytes`, name);
  const file = isSparse(entry) ? expandSparse(entry, body) : body;
  const isDevice = type === 'character-device' || type === 'block-device';
  return {
    path: name,
    type,
    opaque: false,
    covers: false,
    inode: null,
    mode: mode & 0o7777,
    uid,
    gid,
    mtimeMs,
    sizeBytes,
    linkTarget,
    device: isDevice ? device : null,
    xattrs: xattrsOf(entry),
    content: type === 'file' ? await content.store(file, sizeBytes) : null,
  };
}

function xattrsOf({ pax }: TarEntry): Record<string, string> {
  const keys = Object.keys(pax).filter((key) => key.startsWith(xattrPrefix));
  return Object.fromEntries(keys.map((key) => [key.slice(xattrPrefix.length), pax[key] ?? '']));
}

/** In the words of a daemon, which unpacks with Go's reader. */
function explain(error: unknown): unknown {
  const cause = asCorruptStream(error);
  if (cause instanceof CorruptStreamError) return new ContainerPathError(500, cause.message);
  if (!(cause instanceof InvalidTarError)) return cause;
  return new ContainerPathError(500, cause.problem === 'cut' ? 'unexpected EOF' : 'archive/tar: invalid tar header');
}
