import { available, findProgram, type OptionalGroup, whyMissing } from './optional.js';

const kept = { ...process.env };

describe('optional groups of tests', () => {
  beforeEach(() => {
    for (const name of ['ENTREPOT_TEST_REQUIRE', 'ENTREPOT_TEST_S3_URL', 'ENTREPOT_TEST_REDIS_URL']) {
      delete process.env[name];
    }
  });
  afterEach(() => {
    process.env = { ...kept };
  });

  it.each<OptionalGroup>(['docker', 'dockerd', 'redis', 'minio', 'registry', 'skopeo'])(
    'cannot run %s where its program is missing, and says so',
    (group) => {
      process.env.PATH = '/nowhere';
      process.env.GOPATH = '/nowhere';
      expect(available(group)).toBe(false);
      expect(whyMissing(group)).toMatch(/no .+ program was found|it needs root/);
    },
  );

  it.each(['minio', 'redis, minio', 'all'])('must not skip what ENTREPOT_TEST_REQUIRE=%s names', (required) => {
    process.env.PATH = '/nowhere';
    process.env.GOPATH = '/nowhere';
    process.env.ENTREPOT_TEST_REQUIRE = required;
    expect(() => available('minio')).toThrow('ENTREPOT_TEST_REQUIRE names minio, but no minio program was found');
  });

  it('takes a running service instead of a program', () => {
    process.env.PATH = '/nowhere';
    process.env.GOPATH = '/nowhere';
    process.env.ENTREPOT_TEST_S3_URL = 's3://key:secret@host/bucket';
    expect(available('minio')).toBe(true);
  });

  it('finds programs on PATH', () => {
    expect(findProgram('node')).toMatch(/\/node$/);
    expect(findProgram('no-such-program')).toBeNull();
  });
});
