import { cleanEntryName, isRootName } from './entry-name.js';
import { UnsafePathError } from './errors.js';

describe('cleanEntryName', () => {
  it.each([
    ['etc/passwd', 'etc/passwd'],
    ['./etc/passwd', 'etc/passwd'],
    ['/etc/passwd', 'etc/passwd'],
    ['.//./usr//bin/', 'usr/bin'],
    ['a/..b/.c', 'a/..b/.c'],
    ['…/é', '…/é'],
  ])('cleans %s', (name, clean) => {
    expect(cleanEntryName(name)).toBe(clean);
  });

  it.each(['../etc/passwd', 'a/../../b', 'a/..', '..', 'a\0b', '', '.', './', '/'])('refuses %j', (name) => {
    expect(() => cleanEntryName(name)).toThrow(UnsafePathError);
  });

  it('never prints a control character of the name', () => {
    expect(() => cleanEntryName('../\n\u001b[31m')).toThrow(/^unsafe path "..\/\\n\\u001b\[31m":/);
  });
});

describe('isRootName', () => {
  it.each([
    ['./', true],
    ['.', true],
    ['/', true],
    ['..', false],
    ['../.', false],
    ['', false],
    ['a', false],
  ])('%j is the root: %s', (name, root) => {
    expect(isRootName(name)).toBe(root);
  });
});
