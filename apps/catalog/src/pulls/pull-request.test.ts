import { parsePullRequest } from './pull-request.js';

const digest = `sha256:${'a'.repeat(64)}`;

describe('a pull request', () => {
  it.each([
    [
      { fromImage: 'docker.io/library/redis', tag: '7' },
      { domain: 'docker.io', path: 'library/redis', tag: '7' },
    ],
    [{ fromImage: 'redis:7' }, { domain: 'docker.io', path: 'library/redis', tag: '7' }],
    [
      { fromImage: '127.0.0.1:5000/a/b', tag: digest },
      { domain: '127.0.0.1:5000', path: 'a/b', digest },
    ],
    [{ fromImage: `redis:7@${digest}` }, { domain: 'docker.io', path: 'library/redis', digest }],
    [
      { fromImage: 'redis:7', tag: digest },
      { domain: 'docker.io', path: 'library/redis', digest },
    ],
  ])('%j names one image', (query, reference) => {
    expect(parsePullRequest(query)).toEqual({ reference, allTags: false });
  });

  it('without a tag means all tags', () => {
    expect(parsePullRequest({ fromImage: 'redis' })).toEqual({
      reference: { domain: 'docker.io', path: 'library/redis' },
      allTags: true,
    });
  });

  it('takes a platform in any case', () => {
    expect(parsePullRequest({ fromImage: 'redis', tag: '7', platform: 'Linux/ARM64/v8' }).platform).toEqual({
      os: 'linux',
      architecture: 'arm64',
    });
  });

  it.each([
    [{}, 'Get "http:": http: no Host in request URL'],
    [{ fromImage: 'scratch', tag: '1' }, "'scratch' is a reserved name"],
    [{ fromImage: 'a/Bad' }, 'invalid reference format: repository name (a/Bad) must be lowercase'],
    [{ fromImage: 'a', tag: '-x' }, 'invalid reference format'],
    [
      { fromImage: 'a', tag: '1', platform: 'garbage/x/y/z' },
      '"garbage/x/y/z": cannot parse platform specifier: invalid argument',
    ],
  ])('%j is refused: %s', (query, message) => {
    expect(() => parsePullRequest(query)).toThrow(message);
  });
});
