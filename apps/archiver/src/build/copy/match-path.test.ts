import { isIgnored } from './ignore.js';
import { hasWildcards, matchesPath } from './match-path.js';

describe('a pattern of COPY', () => {
  it.each([
    ['*.txt', 'a.txt', true],
    ['*.txt', 'sub/a.txt', false],
    ['*/*.txt', 'sub/a.txt', true],
    ['h?llo', 'hello', true],
    ['h?llo', 'hllo', false],
    ['[a-c]*', 'bx', true],
    ['[^a-c]*', 'bx', false],
    ['[]a]', ']', true],
    ['[a', 'a', false],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['*a*b*c*', 'xaybzc', true],
    ['*', '', true],
    ['日*', '日本', true],
  ])('%s and %s', (pattern, path, matches) => {
    expect(matchesPath(pattern, path)).toBe(matches);
  });

  it('takes no long time over anything', () => {
    expect(matchesPath(`${'*a'.repeat(2_000)}b`, 'a'.repeat(4_000))).toBe(false);
  });

  it.each([
    ['a*b', true],
    ['a\\*b', false],
    ['a\\\\*b', true],
    ['a[b', true],
    ['plain/path', false],
  ])('%s is one: %s', (path, expected) => {
    expect(hasWildcards(path)).toBe(expected);
  });
});

describe('.dockerignore', () => {
  it.each([
    ['Dockerfile\n', true],
    ['# Dockerfile\n', false],
    ['*\n!Dockerfile\n', false],
    ['*\n!Docker*\nDockerfile\n', true],
    ['/Dockerfile', true],
    ['**/Dockerfile', true],
    ['Docker*', true],
    ['sub/Dockerfile', false],
    ['**/\n', true],
    ['', false],
  ])('%j leaves the Dockerfile out: %s', (rules, expected) => {
    expect(isIgnored(rules, 'Dockerfile')).toBe(expected);
  });
});
