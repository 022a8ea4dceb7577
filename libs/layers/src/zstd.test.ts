import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { CorruptStreamError, LayerTooLargeError } from './errors.js';
import { ZstdDecompressor } from './zstd.js';

/** Frames are written by hand, from RFC 8878: nothing here depends on an encoder. */
const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const windowOf1MiB = Buffer.from([0x00, 0x50]);

function block(kind: 0 | 1, size: number, body: Buffer, last: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (kind << 1) | Number(last), 0, 3);
  return Buffer.concat([header, body]);
}

function rawFrame(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 100_000) {
    const piece = bytes.subarray(at, at + 100_000);
    blocks.push(block(0, piece.length, piece, at + 100_000 >= bytes.length));
  }
  return Buffer.concat([magic, windowOf1MiB, ...blocks]);
}

/** `count` blocks of 128 KiB zeros each, four bytes apiece. */
function zerosFrame(count: number): Buffer {
  const blocks = Array.from({ length: count }, (_, at) => block(1, 128 * 1024, Buffer.from([0]), at === count - 1));
  return Buffer.concat([magic, windowOf1MiB, ...blocks]);
}

function skippable(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18]), size, bytes]);
}

function unpack(packed: Buffer, pieceBytes = 65_536): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(packed.length / pieceBytes) }, (_, at) =>
    packed.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );
  return buffer(Readable.from(pieces, { objectMode: false }).pipe(new ZstdDecompressor()));
}

describe('ZstdDecompressor', () => {
  const plain = randomBytes(350_000);

  it.each([1, 13, 4096, 65_536, 1_000_000])(
    'unpacks frames and skips user data, arriving in pieces of %i',
    async (size) => {
      const short = size === 1 ? plain.subarray(0, 3000) : plain;
      const packed = Buffer.concat([
        skippable(Buffer.from('user data')),
        rawFrame(short.subarray(0, 2000)),
        skippable(Buffer.alloc(0)),
        rawFrame(short.subarray(2000)),
        skippable(randomBytes(100)),
      ]);
      expect((await unpack(packed, size)).equals(short)).toBe(true);
    },
  );

  it('unpacks a block that a real encoder compressed', async () => {
    // printf 'entrepot entrepot entrepot entrepot entrepot\n' | zstd
    const packed = Buffer.from('28b52ffd045885000050656e747265706f74200a010048962370b3bbe5', 'hex');
    expect((await unpack(packed)).toString()).toBe('entrepot entrepot entrepot entrepot entrepot\n');
  });

  it('waits for its reader, so that kilobytes which grow to gigabytes stay in bounds', async () => {
    const stream = new ZstdDecompressor();
    stream.write(zerosFrame(16_384));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stream.readableLength).toBeLessThan(2 * 1024 * 1024);
    let total = 0;
    for await (const chunk of stream) {
      total += chunk.length;
      if (total > 20_000_000) break;
    }
    expect(total).toBeGreaterThan(20_000_000);
  });

  it.each([3, 5, 8, 200])('reports a stream that is cut after %i bytes', async (size) => {
    await expect(unpack(rawFrame(plain).subarray(0, size))).rejects.toThrow(
      'corrupt zstd stream: unexpected end of file',
    );
  });

  it('reports garbage after a frame', async () => {
    const packed = Buffer.concat([rawFrame(plain), Buffer.from('garbage')]);
    await expect(unpack(packed)).rejects.toThrow(CorruptStreamError);
  });

  it('reports a block that does not decode', async () => {
    const packed = Buffer.concat([magic, windowOf1MiB, Buffer.from([0x25, 0, 0, 0xff, 0xff, 0xff, 0xff])]);
    await expect(unpack(packed)).rejects.toThrow(CorruptStreamError);
  });

  it('refuses a window that would need more memory than any layer may', async () => {
    const window2GiB = Buffer.from([0x00, 21 << 3]);
    const packed = Buffer.concat([magic, window2GiB, block(0, 1, Buffer.from('x'), true)]);
    await expect(unpack(packed)).rejects.toThrow(LayerTooLargeError);
  });

  it('works again where the addon is loaded already, as in a second thread', async () => {
    for (const expected of [plain.subarray(0, 1000), plain.subarray(0, 2000)]) {
      jest.resetModules();
      const fresh = await import('./zstd.js');
      const stream = new fresh.ZstdDecompressor();
      stream.end(rawFrame(expected));
      expect((await buffer(stream)).equals(expected)).toBe(true);
    }
  });
});
