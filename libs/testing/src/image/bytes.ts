import { createCipheriv, createHash } from 'node:crypto';

/** Bytes that do not compress and are the same for the same seed, on every machine. */
export function deterministicBytes(sizeBytes: number, seed = ''): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

const maxBlockBytes = 128 * 1024;

/**
 * A zstd frame of stored blocks (RFC 8878, 3.1.1.2): nothing gets smaller, but
 * every decoder must read it, and it needs no native module.
 */
export function zstdStored(bytes: Uint8Array): Buffer {
  const head = Buffer.from('28b52ffda000000000', 'hex');
  head.writeUInt32LE(bytes.length, 5);
  const parts: Uint8Array[] = [head];
  let at = 0;
  do {
    const block = bytes.subarray(at, at + maxBlockBytes);
    at += block.length;
    const blockHead = Buffer.alloc(3);
    blockHead.writeUIntLE((block.length << 3) | (at === bytes.length ? 1 : 0), 0, 3);
    parts.push(blockHead, block);
  } while (at < bytes.length);
  return Buffer.concat(parts);
}
