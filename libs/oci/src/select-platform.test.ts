import { parsePlatform } from './parse-platform.js';
import type { Platform } from './platform.js';
import { selectPlatform } from './select-platform.js';

/** What is chosen among platforms given as text, or null. */
function select(wanted: string, candidates: string[]): string | null {
  return selectPlatform(candidates, parsePlatform, parsePlatform(wanted));
}

/** The order in which a wish takes what there is. */
function preferences(wanted: string, candidates: string[]): string[] {
  const left = [...candidates];
  const order: string[] = [];
  for (let next = select(wanted, left); next !== null; next = select(wanted, left)) {
    order.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return order;
}

const everything =
  'windows/amd64 linux/386 linux/s390x linux/arm/v5 linux/arm/v4 linux/arm/v8 linux/arm linux/arm/v6 linux/arm64/v9.1 ' +
  'linux/arm64/v8.1 linux/arm64/v8.5 linux/arm64/v8.7 linux/arm64/v8.6 linux/arm64 linux/arm64/v9 linux/amd64/v4 ' +
  'linux/amd64/v2 linux/amd64 linux/amd64/v3 linux/arm64/v8.2 linux/arm64/v8.3 linux/arm64/v8.4';

describe('the order of preference', () => {
  it.each([
    ['linux/amd64', 'linux/amd64 linux/386'],
    ['linux/amd64/v2', 'linux/amd64/v2 linux/amd64 linux/386'],
    ['linux/amd64/v4', 'linux/amd64/v4 linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386'],
    ['linux/386', 'linux/386'],
    ['linux/arm', 'linux/arm linux/arm/v6 linux/arm/v5'],
    ['linux/arm/v8', 'linux/arm/v8 linux/arm linux/arm/v6 linux/arm/v5'],
    ['linux/arm/v6', 'linux/arm/v6 linux/arm/v5'],
    ['linux/arm/v5', 'linux/arm/v5'],
    ['linux/arm/v4', 'linux/arm/v4'],
    ['linux/arm64', 'linux/arm64 linux/arm/v8 linux/arm linux/arm/v6 linux/arm/v5'],
    ['linux/arm64/v8.1', 'linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm linux/arm/v6 linux/arm/v5'],
    [
      'linux/arm64/v9',
      'linux/arm64/v9 linux/arm64/v8.5 linux/arm64/v8.4 linux/arm64/v8.3 linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 ' +
        'linux/arm/v8 linux/arm linux/arm/v6 linux/arm/v5',
    ],
    [
      'linux/arm64/v9.1',
      'linux/arm64/v9.1 linux/arm64/v9 linux/arm64/v8.6 linux/arm64/v8.5 linux/arm64/v8.4 linux/arm64/v8.3 ' +
        'linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm linux/arm/v6 linux/arm/v5',
    ],
    ['linux/s390x', 'linux/s390x'],
    ['linux/ppc64le', ''],
    ['windows/amd64', 'windows/amd64'],
  ])('of %s is %s', (wanted, order) => {
    expect(preferences(wanted, everything.split(' ')).join(' ')).toBe(order);
  });

  it('is that of the index among equals', () => {
    const entries = [1, 2, 3].map((id) => ({
      id,
      platform: { os: 'linux', architecture: id === 1 ? '386' : 'x86_64' },
    }));
    expect(selectPlatform(entries, (entry) => entry.platform, parsePlatform('linux/amd64'))?.id).toBe(2);
  });

  it('cannot be made long by a hostile variant', () => {
    expect(select('linux/amd64/v999999999', ['linux/amd64'])).toBeNull();
    expect(select('linux/arm/v99', ['linux/arm'])).toBe('linux/arm');
  });
});

describe('what is never chosen', () => {
  const wish = parsePlatform('linux/amd64');

  it.each<[string, Platform | undefined]>([
    ['an entry without a platform', undefined],
    ['an attestation', { os: 'unknown', architecture: 'unknown' }],
    ['an empty platform', { os: '', architecture: '' }],
    ['a feature that the host lacks', { os: 'linux', architecture: 'amd64', osFeatures: ['x'] }],
  ])('%s', (_, platform) => {
    expect(selectPlatform([0], () => platform, wish)).toBeNull();
  });

  it('an attestation, even when asked for', () => {
    expect(select('unknown/unknown', ['unknown/unknown'])).toBeNull();
  });
});

describe('os features', () => {
  it.each([
    ['linux(+a+b)/amd64', ['linux/amd64', 'linux(+a)/amd64', 'linux(+a+b)/amd64'], 'linux(+a+b)/amd64'],
    ['linux(+a)/amd64', ['linux/amd64', 'linux(+a)/amd64', 'linux(+a+b)/amd64'], 'linux(+a)/amd64'],
    ['linux(+c)/amd64', ['linux(+a)/amd64', 'linux/amd64'], 'linux/amd64'],
  ])('%s among %j: %s', (wanted, candidates, chosen) => {
    expect(select(wanted, candidates)).toBe(chosen);
  });
});

describe('the Windows version', () => {
  it.each([
    ['windows/amd64', 'windows(10.0.17763)/amd64', true],
    ['windows(10.0.17763.1)/amd64', 'windows(10.0.17763.9999)/amd64', true],
    ['windows(10.0.17763)/amd64', 'windows/amd64', true],
    ['windows(10.0.17763)/amd64', 'windows(10.0.17134)/amd64', false],
    ['windows(10.0.17763)/amd64', 'windows(10.0.20348)/amd64', false],
    ['windows(10.0.20348)/amd64', 'windows(10.0.17763)/amd64', false],
    ['windows(10.0.26100)/amd64', 'windows(10.0.20348)/amd64', true],
    ['windows(10.0.20348)/amd64', 'windows(10.0.26100)/amd64', false],
    ['windows(10.0.26100)/amd64', 'windows(6.3.20348)/amd64', false],
    ['windows(10.0.26100)/amd64', 'windows(rubbish)/amd64', false],
  ])('%s runs %s: %s', (wanted, candidate, expected) => {
    expect(select(wanted, [candidate]) !== null).toBe(expected);
  });
});
