import { isInRange, parsePackageRange } from './package-range.js';
import { compareVersions, type Ecosystem } from './package-version.js';

/** Oldest first, as the tools themselves order them. */
const ascending: Record<Ecosystem, string[]> = {
  deb: [
    '0.9~rc1-1',
    '0.9-1',
    '0.9-1+b1',
    '0.9-1+deb11u1',
    '0.9.1-1',
    '0.10-1',
    '1.0~~',
    '1.0~',
    '1.0',
    '1.0-0.1',
    '1.0a',
    '1.0+',
    '3.0.11-1~deb12u2',
    '3.0.11-1',
    '1:0.1',
    '2:0',
  ],
  apk: [
    '1.0_alpha1',
    '1.0_alpha2',
    '1.0_beta',
    '1.0_rc1',
    '1.0',
    '1.0-r1',
    '1.0-r10',
    '1.0_git20200101',
    '1.0_p1',
    '1.0b',
    '1.0.05',
    '1.0.1',
    '1.0.9',
    '1.0.10',
    '1.1',
    '10.0',
  ],
  npm: [
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.2',
    '1.0.10',
    '2.0.0',
    '10.0.0',
  ],
};

describe('package versions', () => {
  it.each(Object.entries(ascending) as [Ecosystem, string[]][])('are in the order of %s', (ecosystem, versions) => {
    for (const [i, a] of versions.entries()) {
      for (const [j, b] of versions.entries()) {
        expect([a, b, Math.sign(compareVersions(ecosystem, a, b))]).toEqual([a, b, Math.sign(i - j)]);
      }
    }
  });

  it.each([
    ['deb', '1.0-0', '1.0'],
    ['deb', '0:1.0', '1.0'],
    ['deb', '1.00', '1.0'],
    ['apk', '1.0-r0', '1.0'],
    ['npm', '1.0.0+build', '1.0.0'],
    ['npm', 'v1.0.0', '1.0.0'],
  ] as [Ecosystem, string, string][])('of %s have several spellings: %s and %s', (ecosystem, a, b) => {
    expect(compareVersions(ecosystem, a, b)).toBe(0);
  });

  it.each([
    ['openssl', 'deb', '3.0.11-1~deb12u2', true],
    ['openssl>=3.0.0,<3.0.15', 'deb', '3.0.11-1~deb12u2', true],
    ['deb:openssl<3.0.11-1', 'deb', '3.0.11-1~deb12u2', true],
    ['deb:openssl>3.0.11-1', 'deb', '3.0.11-1~deb12u2', false],
    ['npm:@babel/core=7.1.0', 'npm', '7.1.0', true],
    ['apk:musl<=1.2.3-r4', 'apk', '1.2.3-r5', false],
  ] as [string, Ecosystem, string, boolean][])('%s of %s takes %s: %s', (range, ecosystem, version, expected) => {
    expect(isInRange(parsePackageRange(range), ecosystem, version)).toBe(expected);
  });

  it.each(['', '>=1', 'a b', 'openssl>=', 'a>1,b'])('refuses the range %j', (range) => {
    expect(() => parsePackageRange(range)).toThrow('not a package range');
  });
});
