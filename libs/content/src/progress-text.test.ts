import { humanSize, progressText } from './progress-text.js';

describe('progress text', () => {
  it.each([
    [334, 334, '[==================================================>]     334B/334B'],
    [20480, 20480, '[==================================================>]  20.48kB/20.48kB'],
    [50, 215, '[===========>                                       ]      50B/215B'],
  ])('of %d in %d is what dockerd writes', (current, total, text) => {
    expect(progressText({ current, total })).toBe(text);
  });

  it('leaves the total out when there is more than promised', () => {
    expect(progressText({ current: 20, total: 10 })).toBe(
      '[==================================================>]      20B',
    );
  });

  it.each([
    [0, '0B'],
    [999, '999B'],
    [1028025, '1.028MB'],
    [626_300_000, '626.3MB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(humanSize(bytes)).toBe(text);
  });
});
