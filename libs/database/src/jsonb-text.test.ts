import { jsonbText } from './jsonb-text.js';

describe('json for jsonb', () => {
  it.each([
    ['plain text', { a: 'b' }, '{"a":"b"}'],
    ['a NUL', 'a\0b', '"a\\ufffdb"'],
    ['half of a pair', 'a\ud800b', '"a\\ufffdb"'],
    ['a whole pair', '😀', '"😀"'],
    ['a written escape', '\\u0000', '"\\\\u0000"'],
    ['a written backslash before a NUL', '\\\0', '"\\\\\\ufffd"'],
    ['a key', { 'k\0': 1 }, '{"k\\ufffd":1}'],
  ])('makes %s acceptable', (_what, value, expected) => {
    expect(jsonbText(value)).toBe(expected);
  });
});
