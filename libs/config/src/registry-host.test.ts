import { normalizeRegistryHost } from './registry-host.js';

describe('normalizeRegistryHost', () => {
  it.each([
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['registry-1.docker.io:443', 'docker.io'],
    ['Docker.IO', 'docker.io'],
    [' ghcr.io ', 'ghcr.io'],
    ['localhost:5000', 'localhost:5000'],
    ['[::1]:5000', '[::1]:5000'],
    ['10.0.0.1', '10.0.0.1'],
    ['', null],
    ['https://ghcr.io', null],
    ['ghcr.io/library', null],
    ['a b', null],
    ['ghcr.io:', null],
    ['-a.test', null],
    ['user@host', null],
  ])('%j is %j', (text, host) => {
    expect(normalizeRegistryHost(text)).toBe(host);
  });
});
