import type { Readable } from 'node:stream';
import {
  decompressed,
  defaultTarLimits,
  isRootName,
  type TarBody,
  type TarEntry,
  type TarLimits,
  TarReader,
  withinLimits,
} from '@entrepot/layers';
import { ArchiveFiles } from './archive-files.js';
import type { ArchiveSink } from './archive-sink.js';
import { EntryKeeper } from './entry-keeper.js';
import { entryPath, linkedPath } from './entry-path.js';
import { explainFailure, InvalidArchiveError } from './errors.js';
import { stoppableChunks } from './stoppable-chunks.js';

/** What one pass over an archive leaves behind. */
export interface Collected {
  files: ArchiveFiles;
  /** `manifest.json` and `index.json`, by path. */
  documents: ReadonlyMap<string, Buffer>;
  /** Whether the tar was closed properly; if not, it may have been cut after `lastEntry`. */
  closed: boolean;
  lastEntry: string | null;
}

/** How much of an archive is read. Entries are few beside those of a layer. */
export type ArchiveLimits = Partial<TarLimits>;

const archiveLimits: TarLimits = { ...defaultTarLimits, maxBytes: 1024 ** 4, maxEntries: 200_000 };

/**
 * Reads an archive once, from its first to its last byte: documents stay in memory, everything else goes to the sink.
 * When it fails the source is left open, to be resumed or destroyed: it may be a request that waits for an answer.
 *
 * @throws {InvalidArchiveError} names the entry
 */
export async function collectEntries(source: Readable, sink: ArchiveSink, limits: ArchiveLimits): Promise<Collected> {
  const all = { ...archiveLimits, ...limits };
  let reader: TarReader | null = null;
  let release = (): void => undefined;
  const entryName = (): string | null => reader?.entryName ?? null;
  try {
    const { stream, packedBytes } = await decompressed(source);
    const { chunks, stop } = stoppableChunks(stream);
    release = () => {
      stop();
      if (stream === source) return;
      source.unpipe();
      stream.destroy();
    };
    reader = new TarReader(withinLimits(chunks, all, { packedBytes, entry: entryName }), all);
    const files = new ArchiveFiles(sink);
    const keeper = new EntryKeeper(sink, files);
    for await (const [entry, body] of reader) await take(entry, body, files, keeper);
    return { files, documents: keeper.documents, closed: reader.closed, lastEntry: reader.entryName };
  } catch (error) {
    release();
    throw explainFailure(error, entryName());
  }
}

async function take(entry: TarEntry, body: TarBody, files: ArchiveFiles, keeper: EntryKeeper): Promise<void> {
  if (entry.type === 'directory' && isRootName(entry.name)) return;
  const path = entryPath(entry.name);
  switch (entry.type) {
    case 'directory':
      return;
    case 'file':
      return keeper.keep(path, entry.sizeBytes, body);
    case 'link':
    case 'symlink':
      return files.addLink(path, linkedPath(path, entry.linkTarget ?? '', entry.type));
    default:
      throw new InvalidArchiveError(path, `is a ${entry.type}, which has no place in an archive of images`);
  }
}
