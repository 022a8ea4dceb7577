import { createHash, type Hash } from 'node:crypto';
import type { Transform } from 'node:stream';
import {
  compressionMagicBytes,
  createDecompressor,
  defaultTarLimits,
  sniffCompression,
  UnsupportedCompressionError,
  withinLimits,
} from '@entrepot/layers';
import { type Digest, digestAlgorithm, parseDigest } from '@entrepot/oci';
import type { ArchiveEntry, StoredEntry } from './archive-sink.js';
import { peek } from './peek.js';

/** An entry's bytes as they pass, and what has passed. */
export interface MeteredEntry {
  body: AsyncIterable<Buffer>;
  /** To be asked when the body has been read to its end. */
  result(): Promise<StoredEntry>;
}

/**
 * Hashes an entry on its way into a store; for one without a promise, unpacks it beside that for its diff id.
 * The body fails when it does not unpack or is a bomb.
 */
export function meterEntry(entry: ArchiveEntry, body: AsyncIterable<Buffer>): MeteredEntry {
  const algorithm = entry.digest ? digestAlgorithm(entry.digest) : 'sha256';
  const hash = createHash(algorithm);
  let sizeBytes = 0;
  let unpacked: Unpacker | null = null;

  async function* metered(): AsyncGenerator<Buffer> {
    const { head, all } = await peek(body, compressionMagicBytes);
    unpacked = entry.digest ? null : openUnpacker(head);
    try {
      for await (const chunk of all) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        await unpacked?.write(chunk);
        yield chunk;
      }
      await unpacked?.end();
    } finally {
      unpacked?.close();
    }
  }

  async function result(): Promise<StoredEntry> {
    const digest = parseDigest(`${algorithm}:${hash.digest('hex')}`);
    if (entry.digest) return { digest, sizeBytes };
    return { digest, sizeBytes, diffId: unpacked?.digest() ?? digest };
  }

  return { body: metered(), result };
}

function openUnpacker(head: Buffer): Unpacker | null {
  const compression = sniffCompression(head);
  if (compression === 'none') return null;
  if (compression !== 'gzip' && compression !== 'zstd') throw new UnsupportedCompressionError(compression);
  return new Unpacker(createDecompressor(compression));
}

/** The sha256 of what a compressed stream unpacks to. */
class Unpacker {
  readonly #stream: Transform & { readonly bytesWritten: number };
  readonly #hash: Hash = createHash('sha256');
  readonly #hashing: Promise<void>;

  constructor(stream: Transform & { readonly bytesWritten: number }) {
    this.#stream = stream;
    this.#hashing = this.#read();
    this.#hashing.catch(() => undefined);
  }

  /** Waits until the bytes are taken in; fails when they do not unpack. */
  async write(chunk: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.write(chunk, () => resolve()));
    if (this.#stream.destroyed) await this.#hashing;
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.#hashing;
  }

  /** Gives the decoder back, also when nobody wants the rest. */
  close(): void {
    this.#stream.destroy();
  }

  digest(): Digest {
    return parseDigest(`sha256:${this.#hash.digest('hex')}`);
  }

  async #read(): Promise<void> {
    const meter = { packedBytes: () => this.#stream.bytesWritten, entry: () => null };
    for await (const chunk of withinLimits(this.#stream, defaultTarLimits, meter)) this.#hash.update(chunk);
  }
}
