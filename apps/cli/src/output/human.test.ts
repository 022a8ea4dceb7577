import { goTime, humanAge, humanDuration, humanSize, shortDuration } from './human.js';

const second = 1000;
const hour = 3_600_000;
const day = 24 * hour;

describe('sizes and times for people', () => {
  it.each([
    [0, 3, '0B'],
    [999, 3, '999B'],
    [1000, 3, '1kB'],
    [74_812_345, 3, '74.8MB'],
    [1_986_497, 3, '1.99MB'],
    [4_123_456_789, 4, '4.123GB'],
  ])('prints %d bytes with %d digits as %s', (bytes, digits, text) => {
    expect(humanSize(bytes, digits)).toBe(text);
  });

  it.each([
    [500, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [61 * second, 'About a minute'],
    [45 * 60 * second, '45 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [3 * day, '3 days'],
    [20 * day, '2 weeks'],
    [100 * day, '3 months'],
    [800 * day, '2 years'],
  ])('prints %d ms as %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });

  it('says how long ago, or that nobody knows', () => {
    const now = new Date('2026-01-02T03:04:05Z');
    expect(humanAge(new Date('2026-01-02T01:04:05Z'), now)).toBe('2 hours ago');
    expect(humanAge(null, now)).toBe('N/A');
    expect(goTime(now)).toBe('2026-01-02 03:04:05 +0000 UTC');
  });

  it.each([
    [4_200, '4s'],
    [130_000, '2m10s'],
    [3_900_000, '1h05m'],
  ])('prints %d ms on a bar as %s', (ms, text) => {
    expect(shortDuration(ms)).toBe(text);
  });
});
