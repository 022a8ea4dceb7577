import { InvalidCronError, nextRun } from './cron.js';
import { checkRule, chooseTags, InvalidRuleError } from './mirror-rule.js';

describe('a rule', () => {
  const tags = [
    'latest',
    '7',
    '7.2',
    '7.2.4',
    '7.2.10',
    'v8.0.0',
    '8.1.0-rc.1',
    '6.0.1',
    'build-9',
    'build-10',
    '7.2-alpine',
  ];
  const choose = (rule: object) => chooseTags({ repository: 'h/x', platforms: [], ...rule }, tags);

  it('chooses by pattern', () => {
    expect(choose({ globs: ['7.2*', 'latest'] })).toEqual(['7.2.10', '7.2.4', '7.2', 'latest', '7.2-alpine']);
    expect(choose({ globs: ['?'] })).toEqual(['7']);
  });

  it('chooses by a range of versions, and what is no version is in none', () => {
    expect(choose({ semver: '>=7.1 <9' })).toEqual(['v8.0.0', '7.2.10', '7.2.4', '7.2']);
    expect(choose({ semver: '^7' })).toEqual(['7.2.10', '7.2.4', '7.2', '7']);
  });

  it('chooses the newest, the highest version first', () => {
    expect(choose({ newest: 2 })).toEqual(['8.1.0-rc.1', 'v8.0.0']);
    expect(choose({ globs: ['build-*'], newest: 1 })).toEqual(['build-10']);
    expect(choose({ semver: '^7', newest: 1 })).toEqual(['7.2.10']);
  });

  it('is refused when it means nothing', () => {
    expect(() => checkRule({ semver: 'not a range at all' })).toThrow(InvalidRuleError);
    expect(() => checkRule({ globs: ['a/b'] })).toThrow('"a/b" is no pattern of tags');
    expect(() => checkRule({ globs: ['*'], semver: '>=1' })).not.toThrow();
  });

  it('is not slowed down by stars', () => {
    const rule = { repository: 'h/x', platforms: [], globs: [`${'*a'.repeat(60)}b`] };
    const startedAtMs = performance.now();
    chooseTags(rule, ['a'.repeat(128)]);
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
  });
});

describe('a cron expression', () => {
  const after = new Date('2026-11-25T22:00:00Z');

  it.each([
    ['*/15 * * * *', 'UTC', '2026-11-25T22:15:00.000Z'],
    ['0 3 * * 1', 'Europe/Berlin', '2026-11-30T02:00:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2028-02-29T00:00:00.000Z'],
    ['@daily', 'UTC', '2026-11-26T00:00:00.000Z'],
  ])('%s in %s', (cron, timezone, expected) => {
    expect(nextRun(cron, timezone, after).toISOString()).toBe(expected);
  });

  it.each([
    ['0 0 31 2 *', 'UTC', 'it never fires'],
    ['0 0 30 2 *', 'UTC', 'it never fires'],
    ['whenever', 'UTC', 'expected five fields'],
    ['0 0 0 * * *', 'UTC', 'expected five fields'],
    ['61 * * * *', 'UTC', ''],
    ['@sometimes', 'UTC', ''],
    ['0 0 * * *', 'Mars/Olympus', 'Mars/Olympus is no time zone'],
  ])('%s in %s is refused', (cron, timezone, reason) => {
    expect(() => nextRun(cron, timezone, after)).toThrow(InvalidCronError);
    expect(() => nextRun(cron, timezone, after)).toThrow(reason);
  });
});
