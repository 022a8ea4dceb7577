import { randomBytes } from 'node:crypto';
import { bytesOfText, textOfBytes, wellFormedText } from './byte-text.js';

describe('bytes as text', () => {
  it.each([
    ['plain', Buffer.from('usr/bin'), 'usr/bin'],
    ['UTF-8', Buffer.from('größe/日本/🐳'), 'größe/日本/🐳'],
    ['Latin-1', Buffer.from('gr\xf6\xdfe', 'latin1'), 'gr\udcf6\udcdfe'],
    ['an encoded surrogate', Buffer.from([0xed, 0xb3, 0xbf]), '\udced\udcb3\udcbf'],
    ['an overlong slash', Buffer.from([0xc0, 0xaf]), '\udcc0\udcaf'],
    ['a real replacement character', Buffer.from('\ufffd'), '\ufffd'],
    ['a cut sequence', Buffer.from([0x61, 0xe2, 0x82]), 'a\udce2\udc82'],
  ])('shows %s', (_, bytes, text) => {
    expect(textOfBytes(bytes)).toBe(text);
    expect(bytesOfText(text)).toEqual(bytes);
    expect(bytesOfText(JSON.parse(JSON.stringify(text)))).toEqual(bytes);
  });

  it('gives any bytes back', () => {
    for (let length = 0; length < 400; length++) {
      const bytes = randomBytes(length);
      expect(bytesOfText(textOfBytes(bytes))).toEqual(bytes);
    }
  });

  it('has a form without what PostgreSQL refuses', () => {
    expect(wellFormedText('a\udcf6🐳\0b')).toBe('a\ufffd🐳\ufffdb');
  });
});
