import { byteGrant, readQuota, requestBudget } from './registry-limits.js';

describe('the limits of registries', () => {
  it.each([1, 6, 60, 100, 600, 6_000])('let no minute have more than %i requests', (perMinute) => {
    const { costMs, burstMs } = requestBudget(perMinute, true);
    // What is there at the beginning of a minute and what comes in during it; the first one costs nothing ahead.
    expect((60_000 + burstMs) / costMs).toBeLessThanOrEqual(perMinute + 1e-9);
  });

  it('keep a part of what is ahead from batches', () => {
    expect(requestBudget(600, false).burstMs).toBeLessThan(requestBudget(600, true).burstMs);
    expect(requestBudget(6, false).burstMs).toBe(0);
  });

  it('ask for bytes a few times a second', () => {
    expect(byteGrant(20_000_000)).toBe(1_000_000);
    expect(byteGrant(1_000)).toBe(16 * 1024);
  });

  it.each<[Record<string, string>, ReturnType<typeof readQuota>]>([
    [
      { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' },
      { limit: 100, remaining: 76, windowSeconds: 21_600 },
    ],
    [
      { 'ratelimit-limit': '10;w=60', 'ratelimit-remaining': '0' },
      { limit: 10, remaining: 0, windowSeconds: 60 },
    ],
    [{ 'ratelimit-limit': '100;w=21600' }, null],
    [{ 'ratelimit-limit': 'many', 'ratelimit-remaining': 'few' }, null],
    [{ 'ratelimit-limit': '0;w=60', 'ratelimit-remaining': '0;w=60' }, null],
    [{}, null],
  ])('reads the quota in %j', (headers, quota) => {
    expect(readQuota(headers)).toEqual(quota);
  });
});
