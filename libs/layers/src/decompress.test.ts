import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { asCorruptStream, decompressed } from './decompress.js';
import { UnsupportedCompressionError } from './errors.js';

const plain = Buffer.concat([Buffer.from('some text '.repeat(5000)), randomBytes(100_000)]);

/** A stream in pieces of the given size, as a socket may cut it. */
function inPieces(bytes: Buffer, size: number): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, at * size + size),
  );
  return Readable.from(pieces, { objectMode: false });
}

async function unpack(source: Readable): Promise<Buffer> {
  return buffer((await decompressed(source)).stream);
}

describe('decompressed', () => {
  it.each([1, 3, 7, 4096, 1_000_000])('returns plain bytes as they are, arriving in pieces of %i', async (size) => {
    const { compression, stream } = await decompressed(inPieces(plain.subarray(0, 5000), size));
    expect(compression).toBe('none');
    expect((await buffer(stream)).equals(plain.subarray(0, 5000))).toBe(true);
  });

  it.each([
    [1, 4_000],
    [1_000, 150_000],
    [65_536, 150_000],
  ])('unpacks gzip of several members, arriving in pieces of %i', async (size, plainBytes) => {
    const text = plain.subarray(plain.length - plainBytes);
    const packed = Buffer.concat([gzipSync(text.subarray(0, plainBytes / 2)), gzipSync(text.subarray(plainBytes / 2))]);
    expect((await unpack(inPieces(packed, size))).equals(text)).toBe(true);
  });

  it('takes an empty source for plain', async () => {
    const { compression, stream } = await decompressed(Readable.from([], { objectMode: false }));
    expect(compression).toBe('none');
    expect(await buffer(stream)).toHaveLength(0);
  });

  it('counts the packed bytes', async () => {
    const packed = gzipSync(plain);
    const { stream, packedBytes } = await decompressed(inPieces(packed, 1000));
    await buffer(stream);
    expect(packedBytes()).toBe(packed.length);
  });

  it.each([
    ['bzip2', Buffer.from('BZh91AY&SY')],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0, 0])],
  ])('refuses %s and says so', async (kind, bytes) => {
    const refused = decompressed(inPieces(bytes, 100));
    await expect(refused).rejects.toThrow(UnsupportedCompressionError);
    await expect(refused).rejects.toThrow(`${kind} compression is not supported`);
  });

  it('reports a cut gzip', async () => {
    const packed = gzipSync(plain);
    const error = await unpack(inPieces(packed.subarray(0, -20), 1000)).catch(asCorruptStream);
    expect(error).toMatchObject({ code: 'CORRUPT_STREAM', reason: 'unexpected end of file' });
  });

  it('passes a failure of the source on to the plain stream', async () => {
    const source = new Readable({ read() {} });
    source.push(gzipSync(plain).subarray(0, 1000));
    const { stream } = await decompressed(source);
    source.destroy(new Error('connection lost'));
    await expect(buffer(stream)).rejects.toThrow('connection lost');
  });

  it('fails when the source goes away before its first byte', async () => {
    const source = new Readable({ read() {} });
    const opened = decompressed(source);
    source.destroy(new Error('connection lost'));
    await expect(opened).rejects.toThrow('connection lost');
  });

  it('leaves the source open when only the plain stream is given up', async () => {
    const source = new Readable({ read() {} });
    source.push(gzipSync(plain));
    const { stream } = await decompressed(source);
    stream.destroy();
    await new Promise(setImmediate);
    expect(source.destroyed).toBe(false);
  });
});
