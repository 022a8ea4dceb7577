import { UnsafePathError } from './errors.js';
import { opaqueName, parseWhiteout, whiteoutName } from './whiteout.js';

describe('parseWhiteout', () => {
  it.each([
    ['etc/.wh.passwd', { kind: 'whiteout', target: 'etc/passwd' }],
    ['.wh.etc', { kind: 'whiteout', target: 'etc' }],
    ['.wh.a.wh.b', { kind: 'whiteout', target: 'a.wh.b' }],
    ['etc/.wh..wh..opq', { kind: 'opaque', dir: 'etc' }],
    ['.wh..wh..opq', { kind: 'opaque', dir: '' }],
    ['.wh..wh.plnk', { kind: 'ignored' }],
    ['.wh.dir/file', null],
    ['etc/passwd', null],
    ['etc/x.wh.y', null],
  ])('reads %s', (name, whiteout) => {
    expect(parseWhiteout(name)).toEqual(whiteout);
  });

  it.each(['etc/.wh.', '.wh..', '.wh...'])('refuses %s, which removes nothing', (name) => {
    expect(() => parseWhiteout(name)).toThrow(UnsafePathError);
  });

  it('reads what whiteoutName and opaqueName write', () => {
    expect(parseWhiteout(whiteoutName('a/b'))).toEqual({ kind: 'whiteout', target: 'a/b' });
    expect(parseWhiteout(whiteoutName('a'))).toEqual({ kind: 'whiteout', target: 'a' });
    expect(parseWhiteout(opaqueName('a/b'))).toEqual({ kind: 'opaque', dir: 'a/b' });
    expect(parseWhiteout(opaqueName(''))).toEqual({ kind: 'opaque', dir: '' });
  });
});
