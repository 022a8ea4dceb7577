import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { packed } from './packed.js';

const dense = randomBytes(3 * 256 * 1024);
const text = Buffer.from('what repeats itself can be packed. '.repeat(30_000));

async function pack(bytes: Buffer, pieceBytes: number): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of packed(pieces())) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('packed', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', text],
    ['dense bytes', dense],
    ['dense bytes between texts', Buffer.concat([text, dense, text, dense, text])],
  ])('gives back %s, the same for whatever pieces it came in', async (_what, bytes) => {
    const whole = await pack(bytes, 1_000_000);
    expect(gunzipSync(whole).equals(bytes)).toBe(true);
    expect((await pack(bytes, 7_001)).equals(whole)).toBe(true);
  });

  it('stores dense bytes as they are and packs what is beside them', async () => {
    const stored = await pack(dense, 65_536);
    expect(stored.length).toBeGreaterThanOrEqual(dense.length);
    expect(stored.includes(dense.subarray(70_000, 70_064))).toBe(true);
    expect((await pack(Buffer.concat([text, dense]), 65_536)).length).toBeLessThan(dense.length + text.length / 3);
  });

  it('ends with the failure of its source', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield dense;
      throw new Error('the source broke');
    }
    await expect(packed(failing()).next().then(drain)).rejects.toThrow('the source broke');
    async function drain(): Promise<void> {
      for await (const _ of packed(failing()));
    }
  });

  it('lets go of its source when nobody reads on', async () => {
    let isOpen = true;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield text;
      } finally {
        isOpen = false;
      }
    }
    for await (const _ of packed(endless())) break;
    for (let turn = 0; turn < 100 && isOpen; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isOpen).toBe(false);
  });
});
