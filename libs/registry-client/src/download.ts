import type { Descriptor } from '@entrepot/oci';
import {
  ContentMismatchError,
  ContentTooLargeError,
  RegistryProtocolError,
  RegistryUnreachableError,
} from './errors.js';
import { type BodySink, headerOf, type ResponseHead } from './exchange.js';
import type { Place } from './place.js';

/** Where a download stands, over all connections it takes. */
export class Download {
  #receivedBytes: number;
  /** Bytes the registry sends again although it was asked not to. */
  #skipBytes = 0;

  constructor(
    private readonly descriptor: Descriptor,
    fromByte: number,
    private readonly onChunk: (chunk: Buffer) => void | Promise<void>,
  ) {
    this.#receivedBytes = fromByte;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isComplete(): boolean {
    return this.#receivedBytes === this.descriptor.sizeBytes;
  }

  headers(): Record<string, string> {
    return this.#receivedBytes === 0 ? {} : { range: `bytes=${this.#receivedBytes}-` };
  }

  /** Checks that the answer goes on where we are. @throws {RegistryError} it does not */
  accept(place: Place, head: ResponseHead): BodySink {
    const encoding = headerOf(head, 'content-encoding');
    if (encoding !== undefined && encoding !== 'identity') {
      throw new RegistryProtocolError(place.host, `it sent the blob in another encoding (${encoding.slice(0, 20)})`);
    }
    const start = head.status === 206 ? this.#rangeStart(place, head) : 0;
    const announced = headerOf(head, 'content-length');
    if (announced !== undefined && start + Number(announced) > this.descriptor.sizeBytes) throw this.#tooLarge(place);
    if (head.status !== 206 && announced !== undefined && Number(announced) !== this.descriptor.sizeBytes) {
      throw this.#mismatch(place, `it sends ${announced} bytes instead of ${this.descriptor.sizeBytes}`);
    }
    this.#skipBytes = this.#receivedBytes - start;
    return (chunk) => this.#take(place, chunk);
  }

  /** The body ended. @throws {RegistryUnreachableError} too early */
  checkEnd(place: Place): void {
    if (this.isComplete) return;
    const reason = `the blob ended after ${this.#receivedBytes} of ${this.descriptor.sizeBytes} bytes`;
    throw new RegistryUnreachableError(place.host, reason, { dockerMessage: 'unexpected EOF' });
  }

  #take(place: Place, chunk: Buffer): void | Promise<void> {
    let bytes = chunk;
    if (this.#skipBytes > 0) {
      const skipped = Math.min(this.#skipBytes, chunk.length);
      this.#skipBytes -= skipped;
      bytes = chunk.subarray(skipped);
      if (bytes.length === 0) return;
    }
    if (this.#receivedBytes + bytes.length > this.descriptor.sizeBytes) throw this.#tooLarge(place);
    this.#receivedBytes += bytes.length;
    return this.onChunk(bytes);
  }

  #rangeStart(place: Place, head: ResponseHead): number {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headerOf(head, 'content-range') ?? '');
    const start = Number(range?.[1] ?? Number.NaN);
    const total = range?.[2] === '*' ? this.descriptor.sizeBytes : Number(range?.[2]);
    if (start <= this.#receivedBytes && total === this.descriptor.sizeBytes) return start;
    throw this.#mismatch(place, 'it sent another range than it was asked for');
  }

  #tooLarge(place: Place): ContentTooLargeError {
    return new ContentTooLargeError(place.host, `blob ${this.descriptor.digest}`, this.descriptor.sizeBytes);
  }

  #mismatch(place: Place, what: string): ContentMismatchError {
    const dockerMessage = `filesystem layer verification failed for digest ${this.descriptor.digest}`;
    return new ContentMismatchError(place.host, `blob ${this.descriptor.digest} from ${place.host}: ${what}`, {
      dockerMessage,
    });
  }
}
