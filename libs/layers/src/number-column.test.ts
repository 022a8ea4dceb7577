import { NumberColumn } from './number-column.js';

describe('a column of numbers', () => {
  it('has zeros where nothing was set', () => {
    const column = new NumberColumn();
    expect([0, 255, 256, 16_384, 5_000_000].map((index) => column.get(index))).toEqual([0, 0, 0, 0, 0]);
  });

  it('keeps what was set while it grows, in whatever order', () => {
    const column = new NumberColumn();
    const indexes = [40_000, 3, 16_384, 700, 16_383, 255, 256, 100_000, 0, 32_767, 32_768];
    for (const index of indexes) column.set(index, 2 ** 32 - 1 - index);
    for (const index of indexes) expect(column.get(index)).toBe(2 ** 32 - 1 - index);
    expect([1, 16_382, 39_999, 99_999].map((index) => column.get(index))).toEqual([0, 0, 0, 0]);
  });

  it('takes another number for an index', () => {
    const column = new NumberColumn();
    column.set(20_000, 1);
    column.set(20_000, 0);
    expect(column.get(20_000)).toBe(0);
  });
});
