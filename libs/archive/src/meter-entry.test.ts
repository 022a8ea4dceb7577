import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Digest, digestOf } from '@entrepot/oci';
import { streamOf } from './archive-fixtures.js';
import { meterEntry } from './meter-entry.js';

const plain = Buffer.from('a layer, as far as hashes go '.repeat(5000));

async function meter(bytes: Buffer, digest: Digest | null) {
  const metered = meterEntry({ path: 'x', sizeBytes: bytes.length, digest }, streamOf(bytes, 1000));
  const chunks: Buffer[] = [];
  for await (const chunk of metered.body) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  return metered.result();
}

describe('meterEntry', () => {
  it('finds digest and diff id of a layer in one pass', async () => {
    const packed = gzipSync(plain);
    expect(await meter(packed, null)).toEqual({
      digest: digestOf(packed),
      sizeBytes: packed.length,
      diffId: digestOf(plain),
    });
    expect(await meter(plain, null)).toEqual({
      digest: digestOf(plain),
      sizeBytes: plain.length,
      diffId: digestOf(plain),
    });
  });

  it('hashes by the algorithm of the promise and looks no further', async () => {
    const sha512: Digest = `sha512:${createHash('sha512').update(plain).digest('hex')}`;
    expect(await meter(plain, sha512)).toEqual({ digest: sha512, sizeBytes: plain.length });
  });

  it('fails where a layer does not unpack', async () => {
    await expect(meter(gzipSync(plain).subarray(0, -10), null)).rejects.toThrow('unexpected end of file');
  });

  it('lets go of a body that is given up', async () => {
    const { body } = meterEntry({ path: 'x', sizeBytes: 1, digest: null }, streamOf(gzipSync(plain), 10));
    for await (const _chunk of body) break;
  });
});
