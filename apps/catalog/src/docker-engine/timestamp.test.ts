import { parseTimestamp } from './timestamp.js';

describe('timestamps of clients', () => {
  const now = new Date('2026-01-02T03:04:05Z');
  const zone = new Date('2024-01-01T00:00:00').getTime() / 1000;

  it.each<[text: string, seconds: number]>([
    ['10h', now.getTime() / 1000 - 36_000],
    ['1h30m', now.getTime() / 1000 - 5_400],
    ['1.5s', now.getTime() / 1000 - 1.5],
    ['-3s', now.getTime() / 1000 + 3],
    ['1700000000', 1_700_000_000],
    ['1700000000.250000000', 1_700_000_000.25],
    ['2024-01-01T00:00:00Z', 1_704_067_200],
    ['2024-01-01T00:00:00.5+01:00', 1_704_063_600.5],
    ['2024-01-01Z', 1_704_067_200],
    ['2024-01-01', zone],
    ['2024-01-01T02', zone + 7_200],
    ['2024-01-01T02:03', zone + 7_380],
  ])('%s', (text, seconds) => {
    expect(parseTimestamp(text, now)).toBeCloseTo(seconds, 6);
  });

  it.each(['garbage', '', '10x', '2024-13-01', '1h-2m'])('refuses %p in the words of dockerd', (text) => {
    expect(() => parseTimestamp(text, now)).toThrow(`failed to parse value as time or duration: "${text}"`);
  });
});
