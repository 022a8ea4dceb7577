import { Readable } from 'node:stream';
import {
  asCorruptStream,
  CorruptStreamError,
  cleanEntryName,
  compressionMagicBytes,
  decompressed,
  defaultTarLimits,
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
/** Of its tree: some 350 000 entries, since the layer that is made of them takes twice as much. */
const maxTreeBytes = 30e6;

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
  const tree = new MergedTree({ maxBytes: maxTreeBytes, hashes: false });
  let entries = 0;
  const counted = async function* (): AsyncGenerator<IndexEntry> {
    for await (const entry of readEntries(open())) {
      entries += 1;
      yield entry;
    }
  };
  try {
    await tree.add(counted());
  } catch (error) {
    const cause = asCorruptStream(error);
    const isBroken = cause instanceof InvalidTarError || cause instanceof CorruptStreamError;
    if (isBroken && entries === 0) return null;
    if (isBroken) throw new BuildError(400, `cannot unpack ${file.entry.path}: ${cause.message}`);
    throw cause;
  }
  return entries === 0 ? null : { tree, sourceOf: ({ entry }) => ({ tar, entry }) };
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

async function* readEntries(source: Readable): AsyncGenerator<IndexEntry> {
  const { stream, packedBytes } = await decompressed(source);
  const meter = { packedBytes, entry: (): string | null => reader.entryName };
  const reader: TarReader = new TarReader(withinLimits(stream, limits, meter), limits);
  for await (const [entry] of reader) {
    if (isRootName(entry.name)) continue;
    const read = indexEntry({ ...entry, path: cleanEntryName(entry.name), whiteout: null }, null);
    if (read !== null) yield read;
  }
}
