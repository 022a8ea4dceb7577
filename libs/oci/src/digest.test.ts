import {
  digestAlgorithm,
  digestHex,
  digestOf,
  InvalidDigestError,
  isDigest,
  parseDigest,
  shortDigest,
} from './digest.js';

const hex64 = '0123456789abcdef'.repeat(4);
const hex128 = hex64.repeat(2);

describe('parseDigest', () => {
  it.each([`sha256:${hex64}`, `sha512:${hex128}`])('takes %s', (text) => {
    expect(parseDigest(text)).toBe(text);
    expect(isDigest(text)).toBe(true);
  });

  it.each([
    ['', 'invalid checksum digest format'],
    [hex64, 'invalid checksum digest format'],
    ['sha256:', 'invalid checksum digest format'],
    [`:${hex64}`, 'invalid checksum digest format'],
    ['sha256:baddigeststring', 'invalid checksum digest length'],
    [`sha256:${hex64.slice(1)}`, 'invalid checksum digest length'],
    [`sha256:${hex64}0`, 'invalid checksum digest length'],
    [`sha512:${hex64}`, 'invalid checksum digest length'],
    [`sha256:${hex64.toUpperCase()}`, 'invalid checksum digest format'],
    [`sha256:${hex64.slice(1)}\n`, 'invalid checksum digest format'],
    [`sha256:../../${hex64.slice(6)}`, 'invalid checksum digest format'],
    [`sha384:${hex64}${hex64.slice(32)}`, 'unsupported digest algorithm'],
    [`md5:${hex64.slice(32)}`, 'unsupported digest algorithm'],
    [`SHA256:${hex64}`, 'invalid checksum digest format'],
    [`constructor:${hex64}`, 'unsupported digest algorithm'],
    [` sha256:${hex64}`, 'invalid checksum digest format'],
  ])('refuses %j: %s', (text, reason) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(InvalidDigestError);
    expect(() => parseDigest(text)).toThrow(reason);
  });

  it('names the text, cut and on one line', () => {
    expect(() => parseDigest(`a\nb${'x'.repeat(9999)}`)).toThrow(/^invalid checksum digest format: "a\\nbx{197}…"$/);
  });
});

describe('digestOf', () => {
  it('is SHA-256 unless told otherwise', () => {
    const bytes = Buffer.from('{}');
    expect(digestOf(bytes)).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(digestOf(bytes, 'sha512')).toMatch(/^sha512:27c74670adb75075/);
    expect(isDigest(digestOf(bytes, 'sha512'))).toBe(true);
  });
});

it('takes a digest apart', () => {
  const [short, long] = [parseDigest(`sha256:${hex64}`), parseDigest(`sha512:${hex128}`)];
  expect([digestAlgorithm(short), digestHex(short), shortDigest(short)]).toEqual(['sha256', hex64, '0123456789ab']);
  expect([digestAlgorithm(long), digestHex(long), shortDigest(long)]).toEqual(['sha512', hex128, '0123456789ab']);
});
