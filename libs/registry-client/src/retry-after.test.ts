import { parseRetryAfter, retryAt } from './retry-after.js';

const now = new Date('2026-01-01T12:00:00Z');

describe('the time of a Retry-After header', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    ['Thu, 01 Jan 2026 12:01:00 GMT', 60_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', null],
    ['-5', null],
    ['soon', null],
    ['99999999999999999999', null],
    [undefined, null],
  ])('%s means %s ms', (text, expected) => {
    expect(parseRetryAfter(text, now)).toBe(expected);
  });

  it('is half a minute when a registry names none, and a day at most', () => {
    expect(retryAt(undefined, now).toISOString()).toBe('2026-01-01T12:00:30.000Z');
    expect(retryAt('999999999', now).toISOString()).toBe('2026-01-02T12:00:00.000Z');
  });
});
