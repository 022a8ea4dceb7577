// How a record is written as bytes: whole numbers as varints, texts as one byte a character where that does.

const smallBytes = 512;

/** Puts a record together; the memory is used again for the next one. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafeSlow(smallBytes);
  #length = 0;

  /** The record; good until the next one is begun. */
  take(): Uint8Array {
    const record = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return record;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  /** A whole number from 0 to 2⁵³ - 1. */
  whole(value: number): void {
    this.#room(8);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      this.#bytes[this.#length] = (rest % 0x80) | 0x80;
      this.#length += 1;
    }
    this.#bytes[this.#length] = rest;
    this.#length += 1;
  }

  /** Any number. */
  number(value: number): void {
    this.#room(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** So many bytes as hex digits say. */
  hex(digits: string): void {
    this.#room(digits.length / 2);
    this.#length += this.#bytes.write(digits, this.#length, 'hex');
  }

  text(value: string): void {
    const encoding = isNarrow(value) ? 'latin1' : 'utf16le';
    const sizeBytes = encoding === 'latin1' ? value.length : value.length * 2;
    this.whole(sizeBytes * 2 + (encoding === 'latin1' ? 0 : 1));
    this.#room(sizeBytes);
    this.#length += this.#bytes.write(value, this.#length, encoding);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#length + more) * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Reads what a writer wrote, in the same order. */
export class RecordReader {
  constructor(
    private readonly block: Buffer,
    private at: number,
  ) {}

  byte(): number {
    const value = this.block[this.at] as number;
    this.at += 1;
    return value;
  }

  whole(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  number(): number {
    const value = this.block.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  /** A copy. */
  bytes(length: number): Buffer {
    const value = Buffer.from(this.block.subarray(this.at, this.at + length));
    this.at += length;
    return value;
  }

  hex(length: number): string {
    const value = this.block.toString('hex', this.at, this.at + length);
    this.at += length;
    return value;
  }

  text(): string {
    const head = this.whole();
    const end = this.at + Math.floor(head / 2);
    const value = this.block.toString(head % 2 === 0 ? 'latin1' : 'utf16le', this.at, end);
    this.at = end;
    return value;
  }

  /** Whether the text that comes is this one; made without the text. */
  isText(value: string): boolean {
    const head = this.whole();
    const isWide = head % 2 === 1;
    if (Math.floor(head / 2) !== value.length * (isWide ? 2 : 1)) return false;
    for (let index = 0; index < value.length; index++) {
      const unit = isWide ? this.block.readUInt16LE(this.at + index * 2) : this.block[this.at + index];
      if (unit !== value.charCodeAt(index)) return false;
    }
    return true;
  }
}

/** Whether a number can be written as a whole one. */
export const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function isNarrow(value: string): boolean {
  for (let at = 0; at < value.length; at++) if (value.charCodeAt(at) > 0xff) return false;
  return true;
}
