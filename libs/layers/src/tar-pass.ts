import { ByteSource } from './byte-source.js';
import { InvalidTarError } from './errors.js';
import type { IndexEntry } from './index-entry.js';
import { expandSparse } from './sparse.js';
import type { StoredTar } from './stored-tar.js';

/** Up to so many bytes are read in vain rather than beginning elsewhere. */
const maxGapBytes = 4 * 1024 * 1024;

/** One way through a stored tar, from file to file; it leaves out what it can, and ends with the last of them. */
export class TarPass {
  #place: Place | null = null;
  #takenAt = -1;
  #endBytes = 0;

  constructor(private readonly tar: StoredTar) {}

  /** A file that will be asked for: the pass goes so far. */
  announce({ offsetBytes, storedBytes }: IndexEntry): void {
    this.#endBytes = Math.max(this.#endBytes, offsetBytes + storedBytes);
  }

  /** Whether a file was announced, and lies behind those that were taken. */
  isAhead({ offsetBytes, storedBytes }: IndexEntry): boolean {
    return offsetBytes > this.#takenAt && offsetBytes + storedBytes <= this.#endBytes;
  }

  /**
   * The content of a file that is ahead; what was left of the one before is passed over.
   *
   * @throws {InvalidTarError} the tar ends before the file does: index and tar do not belong together
   * @throws {CorruptStreamError} it does not unpack
   */
  async take(entry: IndexEntry): Promise<AsyncIterable<Buffer>> {
    this.#takenAt = entry.offsetBytes;
    const place = await goTo(this.tar, this.#place, entry.offsetBytes, this.#endBytes);
    this.#place = place;
    if (!(await place.source.skip(entry.offsetBytes - offsetOf(place)))) throw new InvalidTarError('cut', entry.path);
    return contentOf(entry, this.#bodyOf(entry, place));
  }

  async *#bodyOf(entry: IndexEntry, place: Place): AsyncGenerator<Buffer> {
    const end = entry.offsetBytes + entry.storedBytes;
    while (offsetOf(place) < end) {
      const piece = await place.source.take(end - offsetOf(place));
      if (piece === null) throw new InvalidTarError('cut', entry.path);
      yield piece;
    }
    // Whoever goes through many tars does not keep all of them open.
    if (end === this.#endBytes) await this.close();
  }

  async close(): Promise<void> {
    await this.#place?.source.close();
    this.#place = null;
  }
}

/** A stream of plain bytes that began somewhere. */
interface Place {
  source: ByteSource;
  start: number;
}

const offsetOf = ({ source, start }: Place): number => start + source.offset;

async function goTo(tar: StoredTar, place: Place | null, offsetBytes: number, end: number): Promise<Place> {
  if (place !== null && offsetBytes - offsetOf(place) <= maxGapBytes) return place;
  const start = await tar.startBefore(offsetBytes);
  if (place !== null && start - offsetOf(place) <= maxGapBytes) return place;
  await place?.source.close();
  return { source: new ByteSource(tar.read(start, end)), start };
}

function contentOf(entry: IndexEntry, body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (entry.sparse === null) return body;
  const { pax, old } = entry.sparse;
  return expandSparse({ name: entry.path, pax, oldSparse: old, sizeBytes: entry.storedBytes }, body);
}
