import {
  ambiguousName,
  familiarReference,
  familiarRepository,
  formatReference,
  InvalidReferenceError,
  isTag,
  parseReference,
  parseRepository,
  repositoryName,
  withDefaultTag,
} from './reference.js';

const hex = '0123456789abcdef'.repeat(4);
const digest = `sha256:${hex}`;
const long = 'a'.repeat(255);

describe('parseReference', () => {
  it.each([
    ['redis', 'docker.io/library/redis'],
    ['redis:7', 'docker.io/library/redis:7'],
    [`redis@${digest}`, `docker.io/library/redis@${digest}`],
    [`redis:7@${digest}`, `docker.io/library/redis:7@${digest}`],
    [`redis@sha512:${hex}${hex}`, `docker.io/library/redis@sha512:${hex}${hex}`],
    ['bitnami/redis', 'docker.io/bitnami/redis'],
    ['docker.io/redis', 'docker.io/library/redis'],
    ['docker.io/library/redis', 'docker.io/library/redis'],
    ['index.docker.io/redis:1', 'docker.io/library/redis:1'],
    ['index.docker.io/bitnami/redis', 'docker.io/bitnami/redis'],
    ['library/foo/bar', 'docker.io/library/foo/bar'],
    ['localhost', 'docker.io/library/localhost'],
    ['localhost/redis', 'localhost/redis'],
    ['localhost:5000/redis', 'localhost:5000/redis'],
    ['example.com', 'docker.io/library/example.com'],
    ['example.com:5000', 'docker.io/library/example.com:5000'],
    ['example.com/redis', 'example.com/redis'],
    ['example.com/a/b/c:1.0-rc_2', 'example.com/a/b/c:1.0-rc_2'],
    ['test_com/foo', 'docker.io/test_com/foo'],
    ['test-com:8080/foo', 'test-com:8080/foo'],
    ['xn--n3h.com:18080/foo', 'xn--n3h.com:18080/foo'],
    ['127.0.0.1:5000/docker/docker', '127.0.0.1:5000/docker/docker'],
    ['[fc00::1]:5000/docker', '[fc00::1]:5000/docker'],
    ['[::1]/docker', '[::1]/docker'],
    ['Docker/docker', 'Docker/docker'],
    ['dock__er/a-b---c.d_e', 'docker.io/dock__er/a-b---c.d_e'],
    [`docker.io/${hex}`, `docker.io/library/${hex}`],
    [hex.slice(1), `docker.io/library/${hex.slice(1)}`],
    ['redis:TAG', 'docker.io/library/redis:TAG'],
    [`x:${'t'.repeat(128)}`, `docker.io/library/x:${'t'.repeat(128)}`],
    [`example.com/${long}`, `example.com/${long}`],
  ])('reads %s', (text, full) => {
    expect(formatReference(parseReference(text))).toBe(full);
    expect(parseReference(full)).toEqual(parseReference(text));
  });

  it('has no place for what was not given', () => {
    expect(parseReference('redis')).toEqual({ domain: 'docker.io', path: 'library/redis' });
    expect(Object.keys(parseReference(`redis@${digest}`))).toEqual(['domain', 'path', 'digest']);
  });

  it.each([
    ['', 'invalid reference format'],
    ['/', 'invalid reference format'],
    ['redis:', 'invalid reference format'],
    [':7', 'invalid reference format'],
    ['redis:7:8', 'invalid reference format'],
    ['redis@', 'invalid reference format'],
    ['redis@7', 'invalid reference format'],
    [`redis@${digest}@${digest}`, 'invalid reference format'],
    [`@${digest}`, 'invalid reference format'],
    ['redis:-x', 'invalid reference format'],
    [`x:${'t'.repeat(129)}`, 'invalid reference format'],
    ['-docker/docker', 'invalid reference format'],
    ['docker-/docker', 'invalid reference format'],
    ['_docker/_docker', 'invalid reference format'],
    ['dock..er/docker', 'invalid reference format'],
    ['dock_.er/docker', 'invalid reference format'],
    ['docker/', 'invalid reference format'],
    ['docker///docker', 'invalid reference format'],
    ['a/../b', 'invalid reference format'],
    ['example.com/../x', 'invalid reference format'],
    ['a%2fb', 'invalid reference format'],
    ['redis\n', 'invalid reference format'],
    [' redis', 'invalid reference format'],
    ['réd', 'invalid reference format'],
    ['https://github.com/docker/docker', 'invalid reference format'],
    ['-docker.io/docker/docker', 'invalid reference format'],
    ['example..com/x', 'invalid reference format'],
    ['example.com:/x', 'invalid reference format'],
    ['example.com:port/x', 'invalid reference format'],
    ['example.com:70000/x', 'invalid reference format'],
    ['user@example.com/x', 'invalid reference format'],
    ['[fc00::1]', 'invalid reference format'],
    ['[:::]:5000/x', 'invalid reference format'],
    ['fc00::1:5000/debian', 'invalid reference format'],
    ['[fe80::1%eth0]:5000/debian', 'invalid reference format'],
    ['[2001:db8:3:4::192.0.2.33]:5000/debian', 'invalid reference format'],
    ['Bad', 'invalid reference format: repository name (library/Bad) must be lowercase'],
    ['Bad:1', 'invalid reference format: repository name (library/Bad) must be lowercase'],
    ['docker/Docker', 'invalid reference format: repository name (docker/Docker) must be lowercase'],
    ['example.com/a/B:1', 'invalid reference format: repository name (a/B) must be lowercase'],
    [`Bad@${digest}`, 'invalid reference format: repository name (library/Bad@sha256) must be lowercase'],
    ['A_B/c', 'repository name must be lowercase'],
    [`example.com/a/${long}`, 'repository name must not be more than 255 characters'],
    [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
    [`redis@sha256:${hex.slice(32)}`, 'invalid checksum digest length'],
    [`redis@sha256:${hex.toUpperCase()}`, 'invalid checksum digest format'],
    [`redis@md5:${hex.slice(32)}`, 'unsupported digest algorithm'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parseReference(text)).toThrow(new InvalidReferenceError(text, message));
  });

  it.each(['a-', 'a.', '-', 'a/', 'a:', 'a@', 'A.', '[:', '.a'])(
    'is quick with %j a hundred thousand times',
    (piece) => {
      const startedAt = Date.now();
      expect(() => parseReference(piece.repeat(100_000))).toThrow(InvalidReferenceError);
      expect(Date.now() - startedAt).toBeLessThan(1000);
    },
  );
});

describe('parseRepository', () => {
  it.each(['docker.io/library/redis', 'docker.io/a/b/c', 'localhost:5000/x', 'Foo/bar', '[::1]:5000/x'])(
    'is the reverse of repositoryName for %s',
    (name) => expect(repositoryName(parseRepository(name))).toBe(name),
  );

  it.each([
    'redis',
    'library/redis',
    'index.docker.io/library/redis',
    'docker.io/library/redis:7',
    `docker.io/library/redis@${digest}`,
  ])('refuses %s, which is not a full name alone', (name) =>
    expect(() => parseRepository(name)).toThrow(InvalidReferenceError),
  );
});

describe('familiar names', () => {
  it.each([
    ['redis:7', 'redis:7'],
    [`redis@${digest}`, `redis@${digest}`],
    [`redis:7@${digest}`, `redis:7@${digest}`],
    ['docker.io/library/redis', 'redis'],
    ['docker.io/bitnami/redis:1', 'bitnami/redis:1'],
    ['library/foo/bar', 'library/foo/bar'],
    ['127.0.0.1:8000/private/moonbase', '127.0.0.1:8000/private/moonbase'],
    ['example.com/library/redis', 'example.com/library/redis'],
  ])('%s is printed as %s', (text, familiar) => {
    expect(familiarReference(parseReference(text))).toBe(familiar);
  });

  it('familiarRepository leaves names of other hosts alone', () => {
    expect(familiarRepository('docker.io.example.com/library/redis')).toBe('docker.io.example.com/library/redis');
    expect(familiarRepository('docker.io/library/redis')).toBe('redis');
  });
});

it.each([
  ['redis', 'docker.io/library/redis:latest'],
  ['redis:7', 'docker.io/library/redis:7'],
  [`redis@${digest}`, `docker.io/library/redis@${digest}`],
])('withDefaultTag of %s', (text, full) => {
  expect(formatReference(withDefaultTag(parseReference(text)))).toBe(full);
});

it.each([
  ['latest', true],
  ['_x', true],
  ['1.0-rc.1', true],
  ['A'.repeat(128), true],
  ['A'.repeat(129), false],
  ['', false],
  ['.x', false],
  ['-x', false],
  ['a/b', false],
  ['a:b', false],
  ['a\n', false],
])('isTag(%j) is %s', (text, expected) => {
  expect(isTag(text)).toBe(expected);
});

describe('a name for a new image', () => {
  it.each(['sha256:abc', 'sha256', 'docker.io/library/sha256:1'])(
    'is refused where it looks like an id: %s',
    (text) => {
      expect(ambiguousName(parseReference(text))).toContain('digest algorithm as name');
    },
  );

  it.each(['sha256/x:1', 'host.example/sha256:1', 'sha257'])('may be %s', (text) => {
    expect(ambiguousName(parseReference(text))).toBeNull();
  });
});
