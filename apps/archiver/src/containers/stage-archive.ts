import type { Readable } from 'node:stream';
import {
  asCorruptStream,
  CorruptStreamError,
  decompressed,
  defaultTarLimits,
  EntryBudget,
  expandSparse,
  type FileAttributes,
  InvalidTarError,
  isSparse,
  LayerTooLargeError,
  logicalSizeBytes,
  type TarEntry,
  TarReader,
  type WrittenContent,
  withinLimits,
} from '@entrepot/layers';
import { ContainerPathError } from './errors.js';
import type { StagedContent } from './staged-content.js';

/** One entry of an archive that is to be unpacked; its content is stored already. */
export interface StagedEntry extends Omit<FileAttributes, 'type'> {
  type: TarEntry['type'];
  /** As written. */
  name: string;
  content: WrittenContent | null;
}

const xattrPrefix = 'SCHILY.xattr.';
const limits = { ...defaultTarLimits, maxEntries: 200_000 };
/** They are put into one tree, and written in one transaction. */
const maxKeptBytes = 100e6;

/**
 * Reads an archive that was sent to be unpacked, and stores the content of its files. Nothing at all is an archive
 * without entries.
 *
 * @throws {ContainerPathError} it is no tar, or cut
 * @throws {LayerTooLargeError}
 */
export async function stageArchive(source: Readable, content: StagedContent): Promise<StagedEntry[]> {
  const staged: StagedEntry[] = [];
  try {
    const { stream, packedBytes } = await decompressed(source);
    const meter = { packedBytes, entry: (): string | null => reader.entryName };
    const reader: TarReader = new TarReader(withinLimits(stream, limits, meter), limits);
    const budget = new EntryBudget(maxKeptBytes);
    for await (const [entry, body] of reader) {
      const read = await stageEntry(entry, body, content);
      budget.take(read.name, read);
      staged.push(read);
    }
    await content.flush();
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
    ...{ name, type, mode: mode & 0o7777, uid, gid, mtimeMs, sizeBytes, linkTarget },
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
