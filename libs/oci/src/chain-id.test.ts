import { chainIds } from './chain-id.js';
import { type Digest, digestOf } from './digest.js';

const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text))) as [Digest, Digest, Digest];

describe('chainIds', () => {
  it('is empty for an image without layers', () => expect(chainIds([])).toEqual([]));

  it('starts with the diff id itself and hashes the text of the pair from then on', () => {
    const second = digestOf(Buffer.from(`${a} ${b}`));
    const third = digestOf(Buffer.from(`${second} ${c}`));
    expect(chainIds([a, b, c])).toEqual([a, second, third]);
  });

  it('agrees with what sha256sum makes of the text', () => {
    expect(chainIds([a, b])[1]).toBe('sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676');
  });

  it('tells equal layers in other places apart', () => {
    expect(new Set(chainIds([a, a, a])).size).toBe(3);
  });
});
