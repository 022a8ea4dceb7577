import { InvalidPlatformError, parseOciPlatform, parsePlatform } from './parse-platform.js';
import { defaultPlatform, formatPlatform, matchesExactly, normalizePlatform, type Platform } from './platform.js';

const here = defaultPlatform.architecture;

describe('parsePlatform', () => {
  it.each<[string, Platform]>([
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['linux/x86_64', { os: 'linux', architecture: 'amd64' }],
    ['linux/x86-64/v1', { os: 'linux', architecture: 'amd64' }],
    ['linux/amd64/v3', { os: 'linux', architecture: 'amd64', variant: 'v3' }],
    ['Linux/AMD64', { os: 'linux', architecture: 'amd64' }],
    ['linux/i386', { os: 'linux', architecture: '386' }],
    ['linux/arm64', { os: 'linux', architecture: 'arm64' }],
    ['linux/aarch64/8', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm64/v8', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm64/v8.0', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm64/v8.2', { os: 'linux', architecture: 'arm64', variant: 'v8.2' }],
    ['linux/arm64/9', { os: 'linux', architecture: 'arm64', variant: 'v9' }],
    ['linux/arm64/v9.0', { os: 'linux', architecture: 'arm64', variant: 'v9' }],
    ['linux/arm', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ['linux/arm/6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['linux/armhf', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ['linux/armel', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['macos/arm64', { os: 'darwin', architecture: 'arm64' }],
    ['linux/madeup/v1', { os: 'linux', architecture: 'madeup', variant: 'v1' }],
    ['arm64', { os: 'linux', architecture: 'arm64' }],
    ['x86-64', { os: 'linux', architecture: 'amd64' }],
    ['s390x', { os: 'linux', architecture: 's390x' }],
    ['linux', { os: 'linux', architecture: here }],
    ['macos', { os: 'darwin', architecture: here }],
    ['windows(10.0)', { os: 'windows', osVersion: '10.0', architecture: here }],
    ['windows(10.0.17763)/amd64', { os: 'windows', osVersion: '10.0.17763', architecture: 'amd64' }],
    [
      'windows(10.0.1+win32k)/amd64',
      { os: 'windows', osVersion: '10.0.1', osFeatures: ['win32k'], architecture: 'amd64' },
    ],
    ['linux(+b+a+b)/amd64', { os: 'linux', osFeatures: ['a', 'b'], architecture: 'amd64' }],
    ['linux(1%2B2)/amd64', { os: 'linux', osVersion: '1+2', architecture: 'amd64' }],
  ])('reads %s', (text, platform) => {
    expect(parsePlatform(text)).toEqual(platform);
  });

  it.each([
    ['garbage/x/y/z', '"garbage/x/y/z": cannot parse platform specifier: invalid argument'],
    ['a/b/c/d/e', /^"d\/e" is an invalid component of "a\/b\/c\/d\/e"/],
    ['nonsense', '"nonsense": unknown operating system or architecture: invalid argument'],
    ['linux/*', '"linux/*": wildcards not yet supported: invalid argument'],
    ['', /^"" is an invalid OS component of "": /],
    ['linux/', /^"" is an invalid component of "linux\/": /],
    ['linux/a b', /^"a b" is an invalid component of "linux\/a b": .* must match .*: invalid argument$/],
    ['linux/amd64/', /^"" is an invalid component/],
    ['lin\nux/amd64', /^"lin\\nux" is an invalid OS component/],
    ['linux(%zz)/amd64', /has an invalid OS version "%zz"/],
  ])('%j: %s', (text, message) => {
    expect(() => parsePlatform(text)).toThrow(InvalidPlatformError);
    expect(() => parsePlatform(text)).toThrow(message);
  });

  it('stays quick and brief on a long hostile text', () => {
    expect(() => parsePlatform('a/'.repeat(1_000_000))).toThrow(/^.{0,600}$/);
  });
});

describe('parseOciPlatform', () => {
  it.each<[unknown, Platform]>([
    ['{"architecture":"arm","os":"linux","variant":"v7"}', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    [
      { architecture: 'arm64', os: 'linux', variant: 'v8' },
      { os: 'linux', architecture: 'arm64' },
    ],
    [
      { architecture: 'amd64', os: 'windows', 'os.version': '10.0.17763', 'os.features': ['win32k'] },
      { architecture: 'amd64', os: 'windows', osVersion: '10.0.17763', osFeatures: ['win32k'] },
    ],
    [
      { architecture: 'amd64', os: 'linux', unknown: 1, variant: null },
      { architecture: 'amd64', os: 'linux' },
    ],
  ])('reads %j', (json, platform) => {
    expect(parseOciPlatform(json)).toEqual(platform);
  });

  it.each<[unknown, string]>([
    ['', 'failed to parse platform: not valid JSON'],
    ['linux/amd64', 'failed to parse platform: not valid JSON'],
    ['[]', 'failed to parse platform: not a JSON object'],
    [undefined, 'failed to parse platform: not a JSON object'],
    [{ os: 1, architecture: 'amd64' }, 'failed to parse platform: os must be a string'],
    [{ os: 'a\u0000', architecture: 'amd64' }, 'failed to parse platform: os must be short and plain text'],
    [{ os: 'linux' }, 'both OS and Architecture must be provided'],
    [{ architecture: 'amd64' }, 'both OS and Architecture must be provided'],
    [{}, 'both OS and Architecture must be provided'],
    [{ variant: 'v7' }, 'optional platform fields provided, but OS and Architecture are missing'],
  ])('refuses %j: %s', (json, message) => {
    expect(() => parseOciPlatform(json)).toThrow(new InvalidPlatformError(message));
  });
});

describe('formatPlatform', () => {
  it.each<[Platform, string]>([
    [{ os: 'linux', architecture: 'arm64', variant: 'v8' }, 'linux/arm64'],
    [{ os: 'linux', architecture: 'arm' }, 'linux/arm/v7'],
    [{ os: 'linux', architecture: '' }, 'linux'],
    [{ os: '', architecture: 'amd64' }, 'unknown'],
    [{ os: 'unknown', architecture: 'unknown' }, 'unknown/unknown'],
    [
      { os: 'windows', architecture: 'amd64', osVersion: '10.0.1', osFeatures: ['b', 'a'] },
      'windows(10.0.1+a+b)/amd64',
    ],
    [{ os: 'linux', architecture: 'amd64', osVersion: '1+(2)/%' }, 'linux(1%2B%282%29%2F%25)/amd64'],
  ])('prints %j as %s', (platform, text) => {
    expect(formatPlatform(platform)).toBe(text);
  });

  it.each(['linux/amd64', 'linux/arm/v6', 'linux/arm64/v8.3', 'windows(1%2B%25)/amd64', 'linux(+a+b)/386'])(
    'prints %s as it was read',
    (text) => expect(formatPlatform(parsePlatform(text))).toBe(text),
  );
});

describe('matchesExactly', () => {
  it.each([
    ['linux/arm64', 'linux/aarch64/v8', true],
    ['linux/arm', 'linux/armhf', true],
    ['linux/amd64', 'linux/386', false],
    ['linux/amd64', 'linux/amd64/v2', false],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/amd64', 'windows/amd64', false],
    ['windows/amd64', 'windows(10.0.17763)/amd64', true],
    ['windows(10.0.20348)/amd64', 'windows(10.0.17763)/amd64', false],
    ['linux(+a)/amd64', 'linux(+b)/amd64', false],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(matchesExactly(parsePlatform(a), parsePlatform(b))).toBe(expected);
    expect(matchesExactly(parsePlatform(b), parsePlatform(a))).toBe(expected);
  });
});

it('normalising twice changes nothing and leaves the argument alone', () => {
  const given = { os: 'Linux', architecture: 'ARMHF', osFeatures: ['b', 'a'] };
  const once = normalizePlatform(given);
  expect(normalizePlatform(once)).toEqual(once);
  expect(given.osFeatures).toEqual(['b', 'a']);
});
