import { parseRange } from './http-range.js';

describe('a range of 1000 bytes', () => {
  it.each([
    [undefined, null],
    ['bytes=0-99', { fromByte: 0, toByte: 100 }],
    ['bytes=500-', { fromByte: 500, toByte: 1000 }],
    ['bytes=-200', { fromByte: 800, toByte: 1000 }],
    ['bytes=-2000', { fromByte: 0, toByte: 1000 }],
    ['bytes=900-5000', { fromByte: 900, toByte: 1000 }],
    ['bytes=999-999', { fromByte: 999, toByte: 1000 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=5000-6000', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=7-3', null],
    ['bytes=-', null],
    ['bytes=0-1,5-6', null],
    ['lines=0-1', null],
  ])('%s is %j', (range, expected) => {
    expect(parseRange({ range }, 1000, '"tag"')).toEqual(expected);
  });

  it('is all of it when the document has changed since', () => {
    expect(parseRange({ range: 'bytes=5-', ifRange: '"old"' }, 1000, '"tag"')).toBeNull();
    expect(parseRange({ range: 'bytes=5-', ifRange: '"tag"' }, 1000, '"tag"')).toEqual({ fromByte: 5, toByte: 1000 });
  });
});
