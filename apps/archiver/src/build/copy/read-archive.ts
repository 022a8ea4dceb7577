import { Readable } from 'node:stream';
import {
  asCorruptStream,
  CorruptStreamError,
  cleanEntryName,
  compressionMagicBytes,
  decompressed,
  defaultTarLimits,
  EntryBudget,
  type IndexEntry,
  InvalidTarError,
  indexEntry,
  isRootName,
  MergedTree,
  readTarFile,
  sniffCompression,
  streamedTar,
  type TarFile,
  TarReader,
  type TreeEntry,
  withinLimits,
} from '@entrepot/layers';
import { BuildError } from '../errors.js';

/** What is in an archive that ADD unpacks. */
export interface ArchiveFiles {
  tree: MergedTree;
  sourceOf(found: TreeEntry): TarFile;
}

const limits = { ...defaultTarLimits, maxEntries: 1_000_000 };
/** Of its index. */
const maxKeptBytes = 200e6;

/**
 * The files in a tar, plain or packed by gzip or zstd; null when the file is none, and is to be copied as it is.
 *
 * @throws {BuildError} packed by bzip2 or xz, or broken
 */
export async function readArchive(file: TarFile): Promise<ArchiveFiles | null> {
  const compression = sniffCompression(await head(file, compressionMagicBytes));
  if (compression === 'bzip2' || compression === 'xz') {
    throw new BuildError(
      400,
      `cannot unpack ${file.entry.path}: ${compression} is not supported, only gzip and zstd are`,
    );
  }
  const open = (): Readable => Readable.from(readTarFile(file.tar, file.entry), { objectMode: false });
  const tar = streamedTar(async () => open());
  const entries: IndexEntry[] = [];
  try {
    await readEntries(open(), entries);
  } catch (error) {
    const cause = asCorruptStream(error);
    const isBroken = cause instanceof InvalidTarError || cause instanceof CorruptStreamError;
    if (isBroken && entries.length === 0) return null;
    if (isBroken) throw new BuildError(400, `cannot unpack ${file.entry.path}: ${cause.message}`);
    throw cause;
  }
  if (entries.length === 0) return null;
  return { tree: await MergedTree.of([entries]), sourceOf: ({ entry }) => ({ tar, entry }) };
}

async function head(file: TarFile, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of readTarFile(file.tar, file.entry)) {
    chunks.push(chunk);
    total += chunk.length;
    if (total >= bytes) break;
  }
  return Buffer.concat(chunks);
}

async function readEntries(source: Readable, entries: IndexEntry[]): Promise<void> {
  const { stream, packedBytes } = await decompressed(source);
  const meter = { packedBytes, entry: (): string | null => reader.entryName };
  const reader: TarReader = new TarReader(withinLimits(stream, limits, meter), limits);
  const budget = new EntryBudget(maxKeptBytes);
  for await (const [entry] of reader) {
    if (isRootName(entry.name)) continue;
    const read = indexEntry({ ...entry, path: cleanEntryName(entry.name), whiteout: null }, null);
    if (read === null) continue;
    budget.take(read.path, read);
    entries.push(read);
  }
}
