import { extract, type Header } from 'tar-stream';
import { tarHeader, tarPaddingBytes } from './tar-header.js';

/** What tar-stream makes of a header. */
function read(bytes: Buffer): Promise<Header> {
  return new Promise((resolve, reject) => {
    const parser = extract();
    parser.on('entry', (header) => resolve(header));
    parser.on('error', reject);
    parser.write(bytes);
  });
}

describe('tarHeader', () => {
  it.each([0, 1, 511, 4_000_000_000, 8_589_934_591, 8_589_934_592, 5_000_000_000_000])(
    'announces a body of %i bytes',
    async (sizeBytes) => {
      expect(await read(tarHeader({ name: 'blobs/sha256/abc', sizeBytes }))).toMatchObject({
        name: 'blobs/sha256/abc',
        size: sizeBytes,
        type: 'file',
      });
    },
  );

  it.each([64, 99, 100, 101, 141, 300])('keeps a name of %i bytes', async (length) => {
    const name = 'n'.repeat(length);
    expect((await read(tarHeader({ name, sizeBytes: 3 }))).name).toBe(name);
  });

  it('stays with one plain block for everything usual', () => {
    expect(tarHeader({ name: `blobs/sha256/${'a'.repeat(64)}`, sizeBytes: 1_000_000_000 })).toHaveLength(512);
  });
});

describe('tarPaddingBytes', () => {
  it.each([
    [0, 0],
    [1, 511],
    [512, 0],
    [513, 511],
  ])('fills %i with %i', (sizeBytes, padding) => {
    expect(tarPaddingBytes(sizeBytes)).toBe(padding);
  });
});
