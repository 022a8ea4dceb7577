/**
 * What a client sends to be built from. It is stored as one plain tar with an index in memory, and never unpacked: files
 * are read from the tar by their places. The last entry may lack its padding, and the tar its end: that is how the
 * docker command sends a Dockerfile from its standard input.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { admitBlobs, type ContentContext, openBlob, openIngest } from '@entrepot/content';
import {
  asCorruptStream,
  CorruptStreamError,
  cleanEntryName,
  decompressed,
  defaultTarLimits,
  expandSparse,
  type IndexEntry,
  InvalidTarError,
  indexEntry,
  isRootName,
  isSparse,
  MergedTree,
  plainTar,
  type TarEntry,
  TarReader,
  withinLimits,
} from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';
import { BuildError } from './errors.js';
import type { FileTree } from './file-tree.js';

const blockBytes = 512;
const uploadKeptMs = 60 * 60_000;
const limits = { ...defaultTarLimits, maxEntries: 1_000_000 };
/** Of its tree: some 300 000 entries, since a layer that is made of them takes twice as much. */
const maxTreeBytes = 40e6;

/** Stores a context; `owner` leases it. @throws {BuildError} it is no tar, or cut */
export async function storeContext(
  content: ContentContext,
  source: Readable,
  lease: { owner: string; leaseMs: number },
): Promise<FileTree> {
  const ingest = await openIngest(content, { owner: lease.owner, ttlMs: uploadKeptMs });
  try {
    const tree = new MergedTree({ maxBytes: maxTreeBytes });
    await tree.add(readContext(source, (chunk) => ingest.write(chunk)));
    const stored = await ingest.finish();
    await content.database.transaction((tx) => admitBlobs(tx, [stored], lease));
    const tar = plainTar((range) => openBlob(content, stored.digest, range));
    return { tree, sourceOf: ({ entry }) => ({ tar, entry }), isContext: true };
  } catch (error) {
    await ingest.abort();
    throw explain(error);
  }
}

/** The entries of a context, whose plain bytes go to `keep`. */
async function* readContext(
  source: Readable,
  keep: (chunk: Buffer) => void | Promise<void>,
): AsyncGenerator<IndexEntry> {
  const { stream, packedBytes } = await decompressed(source);
  const meter = { packedBytes, entry: (): string | null => reader.entryName };
  let receivedBytes = 0;
  const closed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of withinLimits(stream, limits, meter)) {
      receivedBytes += chunk.length;
      const full = keep(chunk);
      if (full) await full;
      yield chunk;
    }
    yield Buffer.alloc(2 * blockBytes + ((blockBytes - (receivedBytes % blockBytes)) % blockBytes));
  };
  const reader: TarReader = new TarReader(closed(), limits);
  let endBytes = 0;
  for await (const [entry, body] of reader) {
    const read = await readEntry(entry, body);
    if (read !== null) yield read;
    endBytes = entry.offsetBytes + entry.sizeBytes;
  }
  // What was added to close the tar is no content.
  if (endBytes > receivedBytes) throw new InvalidTarError('cut', reader.entryName);
}

async function readEntry(entry: TarEntry, body: AsyncIterable<Buffer>): Promise<IndexEntry | null> {
  if (isRootName(entry.name)) return null;
  const path = cleanEntryName(entry.name);
  if (entry.type !== 'file') return indexEntry({ ...entry, path, whiteout: null }, null);
  const hash = createHash('sha256');
  for await (const chunk of isSparse(entry) ? expandSparse(entry, body) : body) hash.update(chunk);
  return indexEntry({ ...entry, path, whiteout: null }, hash.digest('hex'));
}

function explain(error: unknown): unknown {
  const cause = asCorruptStream(error);
  if (cause instanceof CorruptStreamError) return new BuildError(400, cause.message);
  if (cause instanceof InvalidTarError) return new BuildError(400, `the build context is broken: ${cause.message}`);
  return cause;
}
