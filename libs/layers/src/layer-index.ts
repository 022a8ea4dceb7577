/**
 * The index of a layer as stored: parts, each a gzip stream of JSON lines in the order of the tar. All parts one after
 * another are one gzip stream again. Of a layer with up to some 50 000 entries there is one part.
 */
import { Readable, type Transform } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { asCorruptStream } from './decompress.js';
import { InvalidIndexError } from './errors.js';
import type { IndexEntry, IndexEntryType } from './index-entry.js';

/** The form of the lines; an index in another form is to be made again. */
export const layerIndexVersion = 1;

const maxPartBytes = 8 * 1024 * 1024;
const maxLineBytes = 64 * 1024 * 1024;

type Row = [
  path: string,
  type: string,
  mode: number,
  uid: number,
  gid: number,
  sizeBytes: number,
  mtimeMs: number,
  offsetBytes: number,
  sha256: string | null,
  rare?: Rare,
];

/** What most entries do not have. */
interface Rare {
  link?: string;
  device?: [number, number];
  xattrs?: Readonly<Record<string, string>>;
  stored?: number;
  sparse?: IndexEntry['sparse'];
}

/** Collects entries into parts of bounded size, and hands each part on when it is full. */
export class LayerIndexWriter {
  readonly #onPart: (part: Buffer) => Promise<void>;
  #lines: string[] = [];
  #lineBytes = 0;
  #parts = 0;

  constructor(onPart: (part: Buffer) => Promise<void>) {
    this.#onPart = onPart;
  }

  /** Nothing when there is room, else a promise to wait for. */
  write(entry: IndexEntry): void | Promise<void> {
    const line = `${JSON.stringify(rowOf(entry))}\n`;
    this.#lines.push(line);
    this.#lineBytes += line.length;
    if (this.#lineBytes >= maxPartBytes) return this.#flush();
  }

  /** Hands on what is left; an index has at least one part. */
  async end(): Promise<void> {
    if (this.#lines.length > 0 || this.#parts === 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const part = gzipSync(this.#lines.join(''), { level: 4 });
    this.#lines = [];
    this.#lineBytes = 0;
    this.#parts += 1;
    await this.#onPart(part);
  }
}

/**
 * Entries of a stored index, in the order of the layer. Ends its source when the loop over it is left.
 *
 * @throws {InvalidIndexError} these are no bytes of an index
 */
export async function* readLayerIndex(parts: AsyncIterable<Buffer>): AsyncGenerator<IndexEntry> {
  const source = Readable.from(parts, { objectMode: false });
  const gunzip: Transform = createGunzip({ chunkSize: 256 * 1024 });
  source.once('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    let rest = '';
    for await (const chunk of gunzip) {
      // Every character is one byte: other text is escaped below 0x80 or belongs to a sequence that a chunk may cut.
      const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > maxLineBytes) throw new InvalidIndexError('a line is too long');
      for (const line of lines) yield entryOf(line);
    }
    if (rest !== '') throw new InvalidIndexError('it is cut');
  } catch (error) {
    const cause = asCorruptStream(error);
    throw cause === error ? error : new InvalidIndexError((cause as Error).message, { cause });
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}

const typeCodes: Readonly<Record<IndexEntryType, string>> = {
  file: 'f',
  directory: 'd',
  symlink: 's',
  link: 'l',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
  whiteout: 'w',
  opaque: 'o',
};
const typesByCode = new Map(Object.entries(typeCodes).map(([type, code]) => [code, type as IndexEntryType]));
const noXattrs: Readonly<Record<string, string>> = Object.freeze({});

function rowOf(entry: IndexEntry): Row {
  const rare: Rare = {};
  if (entry.linkTarget !== null) rare.link = entry.linkTarget;
  if (entry.device !== null) rare.device = [entry.device.major, entry.device.minor];
  if (Object.keys(entry.xattrs).length > 0) rare.xattrs = entry.xattrs;
  if (entry.storedBytes !== entry.sizeBytes) rare.stored = entry.storedBytes;
  if (entry.sparse !== null) rare.sparse = entry.sparse;
  const { path, type, mode, uid, gid, sizeBytes, mtimeMs, offsetBytes, sha256 } = entry;
  const row: Row = [path, typeCodes[type], mode, uid, gid, sizeBytes, mtimeMs, offsetBytes, sha256];
  if (Object.keys(rare).length > 0) row.push(rare);
  return row;
}

function entryOf(line: string): IndexEntry {
  const ascii = /^[\0-\x7f]*$/.test(line);
  const row = parseRow(ascii ? line : Buffer.from(line, 'latin1').toString('utf8'));
  const [path, code, mode, uid, gid, sizeBytes, mtimeMs, offsetBytes, sha256, rare] = row;
  const type = typesByCode.get(code);
  if (type === undefined) throw new InvalidIndexError(`unknown type ${code}`);
  return {
    path,
    type,
    mode,
    uid,
    gid,
    sizeBytes,
    mtimeMs,
    offsetBytes,
    sha256,
    linkTarget: rare?.link ?? null,
    device: rare?.device ? { major: rare.device[0], minor: rare.device[1] } : null,
    xattrs: rare?.xattrs ?? noXattrs,
    storedBytes: rare?.stored ?? sizeBytes,
    sparse: rare?.sparse ?? null,
  };
}

function parseRow(line: string): Row {
  try {
    const row: unknown = JSON.parse(line);
    if (Array.isArray(row) && typeof row[0] === 'string') return row as unknown as Row;
  } catch (cause) {
    throw new InvalidIndexError('a line is no JSON', { cause });
  }
  throw new InvalidIndexError('a line is no entry');
}
