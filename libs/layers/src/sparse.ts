/**
 * Sparse files as GNU tar writes them: the body holds the parts that are no holes. Formats: the old one (type `S`, a map
 * in the header), PAX 0.0 and 0.1 (a map in records) and 1.0 (a map at the head of the body).
 */
import { InvalidTarError, LayerTooLargeError } from './errors.js';
import { logicalSizeBytes, type TarEntry } from './tar-entry.js';
import { number, tarBlockBytes } from './tar-header.js';

/** A part of a file that is in the body. */
export interface SparsePart {
  offsetBytes: number;
  sizeBytes: number;
}

/** What tells how a body becomes its file. */
export type SparseFile = Pick<TarEntry, 'name' | 'pax' | 'oldSparse' | 'sizeBytes'>;

const maxParts = 1_000_000;
const zeros = Buffer.alloc(64 * 1024);

/** Whether the body is not simply the file. */
export function isSparse(entry: Pick<TarEntry, 'oldSparse' | 'pax'>): boolean {
  return (
    entry.oldSparse !== null ||
    'GNU.sparse.major' in entry.pax ||
    'GNU.sparse.map' in entry.pax ||
    'GNU.sparse.numblocks' in entry.pax
  );
}

/**
 * The file itself, holes filled with zeros, from the body of its entry.
 *
 * @throws {InvalidTarError} a map that does not fit the body
 */
export async function* expandSparse(entry: SparseFile, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const cursor = new Cursor(body, entry);
  const parts = await partsOf(entry, cursor);
  const sizeBytes = logicalSizeBytes(entry);
  let at = 0;
  for (const part of parts) {
    if (part.offsetBytes < at || part.offsetBytes + part.sizeBytes > sizeBytes) throw malformed(entry);
    yield* holes(part.offsetBytes - at);
    yield* cursor.take(part.sizeBytes);
    at = part.offsetBytes + part.sizeBytes;
  }
  yield* holes(sizeBytes - at);
}

/** The four or twenty-one pairs of an old header or of an extension block. */
export function oldSparseParts(block: Buffer, from: number, count: number): SparsePart[] | null {
  const parts: SparsePart[] = [];
  for (let index = 0; index < count; index++) {
    const at = from + index * 24;
    if (block[at] === 0) break;
    const offsetBytes = number(block, at, 12);
    const sizeBytes = number(block, at + 12, 12);
    if (offsetBytes === null || sizeBytes === null || offsetBytes < 0 || sizeBytes < 0) return null;
    parts.push({ offsetBytes, sizeBytes });
  }
  return parts;
}

async function partsOf(entry: SparseFile, cursor: Cursor): Promise<readonly SparsePart[]> {
  const { pax } = entry;
  if (entry.oldSparse) return entry.oldSparse.parts;
  if (pax['GNU.sparse.major'] === '1') return await readMap(entry, cursor);
  if (pax['GNU.sparse.map'] !== undefined) return pairs(entry, pax['GNU.sparse.map'].split(','));
  const offsets = (pax['GNU.sparse.offset'] ?? '').split(',');
  const sizes = (pax['GNU.sparse.numbytes'] ?? '').split(',');
  return pairs(
    entry,
    offsets.flatMap((offset, index) => [offset, sizes[index] ?? '']),
  );
}

/** Format 1.0: decimal lines, first the number of parts, filled up to a block. */
async function readMap(entry: SparseFile, cursor: Cursor): Promise<SparsePart[]> {
  const lines: string[] = [];
  let wanted = 1;
  let rest = '';
  while (lines.length < wanted) {
    rest += (await cursor.block()).toString('latin1');
    const found = rest.split('\n');
    rest = found.pop() ?? '';
    lines.push(...found);
    if (lines.length > 0) wanted = 1 + 2 * count(entry, lines[0] ?? '');
  }
  return pairs(entry, lines.slice(1, wanted));
}

function count(entry: SparseFile, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw malformed(entry);
  if (Number(text) > maxParts) throw new LayerTooLargeError(`more than ${maxParts} parts of a sparse file`, entry.name);
  return Number(text);
}

function pairs(entry: SparseFile, numbers: string[]): SparsePart[] {
  if (numbers.length > 2 * maxParts) throw new LayerTooLargeError('too many parts of a sparse file', entry.name);
  const parts: SparsePart[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    const [offset = '', size = ''] = [numbers[at], numbers[at + 1]];
    if (!/^\d{1,16}$/.test(offset) || !/^\d{1,16}$/.test(size)) throw malformed(entry);
    parts.push({ offsetBytes: Number(offset), sizeBytes: Number(size) });
  }
  return parts;
}

function* holes(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= zeros.length) yield left < zeros.length ? zeros.subarray(0, left) : zeros;
}

/** The body in pieces of known length. */
class Cursor {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #entry: SparseFile;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(body: AsyncIterable<Buffer>, entry: SparseFile) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#entry = entry;
  }

  async *take(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      if (this.#chunk.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) throw malformed(this.#entry);
        this.#chunk = next.value;
      }
      const piece = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async block(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.take(tarBlockBytes)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}

function malformed(entry: SparseFile): InvalidTarError {
  return new InvalidTarError('malformed', entry.name);
}
