import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from './config-error.js';
import { loadConfig } from './load-config.js';

/** Text that stands for an environment variable. */
const reference = (name: string) => `\${${name}}`;

const webUrl = 'expected an http:// or https:// URL without credentials';

/** Anybody's: the key was thrown away. */
const pem = `-----BEGIN CERTIFICATE-----
MIIBhjCCAS2gAwIBAgIUJF2W9LVH046YFAe5SqpucuIuazkwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcmVnaXN0cnkudGVzdDAgFw0yNjExMjQwMTU1MzNaGA8yMTI2
MTAzMTAxNTUzM1owGDEWMBQGA1UEAwwNcmVnaXN0cnkudGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABH5/hKd2KfGPLQ1pG0NaeZ+4pDkwQZ8sWL3jHKs3yUWA
ByiFpw3HhaWJBRj2j3n6fQ/jAncZUmqdsnciDLda3VyjUzBRMB0GA1UdDgQWBBRU
gcyF/Ourq4GuAZG6w6qpr5zpTDAfBgNVHSMEGDAWgBRUgcyF/Ourq4GuAZG6w6qp
r5zpTDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIB1dw571mQXP
iJ7A9MR8i5W4xG4Swk9NTCAZgyTZDWhnAiBrOJnkwafZBmTgjE+0nzGWqBxybMZC
JuikoU/4+Yggug==
-----END CERTIFICATE-----
`;

describe('the registries file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'entrepot-config-'));
  const path = join(folder, 'registries.yaml');
  afterAll(() => rmSync(folder, { recursive: true }));

  const load = (text: string, env: Record<string, string> = {}) => {
    writeFileSync(path, text);
    return loadConfig({ ...env, ENTREPOT_REGISTRIES: path });
  };
  const issues = (text: string, env: Record<string, string> = {}) => {
    try {
      load(text, env);
    } catch (error) {
      if (error instanceof ConfigError) return error.issues.map(({ name, expected }) => [name, expected]);
      throw error;
    }
    throw new Error('nothing was wrong');
  };

  it('becomes upstreams, with secrets from the environment and certificates from a file beside it', () => {
    writeFileSync(join(folder, 'ca.pem'), pem);
    const config = load(
      `
registries:
  - host: Index.Docker.io
    mirrors: ['https://mirror.gcr.io', 'http://10.0.0.5:5000/hub']
    credentials: { username: robot, password: '${reference('HUB_PASSWORD')}' }
    limits: { connections: 6 }
  - host: registry.test:5000
    endpoint: https://10.0.0.9:5000
    insecure: true
    ca: ca.pem
`,
      { HUB_PASSWORD: 'from-the-environment' },
    );
    expect(config.registries).toEqual([
      {
        host: 'docker.io',
        mirrors: ['https://mirror.gcr.io', 'http://10.0.0.5:5000/hub'],
        credential: { username: 'robot', password: 'from-the-environment' },
        maxConnections: 6,
      },
      { host: 'registry.test:5000', endpoint: 'https://10.0.0.9:5000', insecure: true, ca: pem },
    ]);
  });

  it('may be JSON, with certificates as text', () => {
    expect(load(JSON.stringify({ registries: [{ host: 'ghcr.io', ca: pem }] })).registries).toEqual([
      { host: 'ghcr.io', ca: pem },
    ]);
  });

  it('takes a password that only looks a little like a reference as it is', () => {
    const { registries } = load(
      `registries: [{ host: a.test, credentials: { username: u, password: 'x${reference('HOME')}' } }]`,
    );
    expect(registries[0]?.credential?.password).toBe(`x${reference('HOME')}`);
  });

  it('may refer to variables with our prefix without being warned', () => {
    const text = `registries: [{ host: a.test, credentials: { username: u, password: '${reference('ENTREPOT_HUB_PASSWORD')}' } }]`;
    expect(load(text, { ENTREPOT_HUB_PASSWORD: 'x' }).warnings).toEqual([]);
  });

  it.each<[string, string, string, string]>([
    ['an unknown field', 'registries: [{ host: a.test, mirror: x }]', 'registries.0.mirror', 'is not a setting'],
    ['an unknown top field', 'registries: []\nhosts: []', 'hosts', 'is not a setting'],
    ['no list', 'registries: docker.io', 'registries', 'expected a list'],
    ['no registries', '- host: docker.io', 'file', 'expected `registries:` with a list below it'],
    ['an empty file', '', 'file', 'expected `registries:` with a list below it'],
    ['a bad host', 'registries: [{ host: https://a.test }]', 'registries.0.host', 'expected a host like ghcr.io'],
    ['no host', 'registries: [{ insecure: true }]', 'registries.0.host', 'expected a host like ghcr.io'],
    ['a mirror that is no URL', 'registries: [{ host: a.test, mirrors: [b.test] }]', 'registries.0.mirrors.0', webUrl],
    ['secrets in a URL', 'registries: [{ host: a.test, endpoint: "https://u:p@b" }]', 'registries.0.endpoint', webUrl],
    [
      'a word for a flag',
      'registries: [{ host: a.test, insecure: sure }]',
      'registries.0.insecure',
      'expected true or false',
    ],
    [
      'half a credential',
      'registries: [{ host: a.test, credentials: { username: u } }]',
      'registries.0.credentials.password',
      'expected a text',
    ],
    [
      'a missing variable',
      `registries: [{ host: a.test, credentials: { username: u, password: '${reference('NOT_THERE')}' } }]`,
      'registries.0.credentials.password',
      'environment variable NOT_THERE must be set',
    ],
    [
      'no connections',
      'registries: [{ host: a.test, limits: { connections: 0 } }]',
      'registries.0.limits.connections',
      'expected 1 or more',
    ],
    [
      'no such certificate',
      'registries: [{ host: a.test, ca: none.pem }]',
      'registries.0.ca',
      'expected certificates in PEM, as text or as a file that can be read',
    ],
    [
      'one host under two names',
      'registries: [{ host: docker.io }, { host: registry-1.docker.io }]',
      'registries.1.host',
      'docker.io is in the list already',
    ],
  ])('says where it has %s', (_what, text, field, expected) => {
    expect(issues(text)).toEqual([[`${path}: ${field}`, expected]]);
  });

  it.each([
    ['broken YAML', 'registries: [\npassword: hunter2', /^expected YAML or JSON, see line \d$/],
    ['an alias, which could blow up', 'a: &a [x]\nregistries: [*a, *a]', /^expected YAML or JSON/],
    ['a mebibyte', `# ${'x'.repeat(1024 * 1024)}`, /^expected less than 1 MiB$/],
  ])('refuses %s without quoting it', (_what, text, expected) => {
    expect(issues(text)).toEqual([[`ENTREPOT_REGISTRIES (${path})`, expect.stringMatching(expected)]]);
  });

  it('must be there', () => {
    expect(() => loadConfig({ ENTREPOT_REGISTRIES: join(folder, 'none') })).toThrow('there is no such file');
    expect(() => loadConfig({ ENTREPOT_REGISTRIES: folder })).toThrow('the file cannot be read');
  });
});
