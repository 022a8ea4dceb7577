import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTlsFiles } from './tls-files.js';

describe('the files of TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'entrepot-tls-'));
  const path = (name: string) => join(folder, name);
  const make = (name: string) => {
    const subject = ['-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject], {
      stdio: 'pipe',
    });
  };

  beforeAll(() => {
    make('one');
    make('two');
    writeFileSync(path('nonsense'), 'nonsense');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are read', () => {
    const { tls, issues } = readTlsFiles({ cert: path('one.pem'), key: path('one.key'), clientCa: path('two.pem') });
    expect(issues).toEqual([]);
    expect(tls?.cert).toContain('BEGIN CERTIFICATE');
    expect(tls?.clientCa).toContain('BEGIN CERTIFICATE');
    expect(readTlsFiles({})).toEqual({ issues: [] });
  });

  it.each<[Parameters<typeof readTlsFiles>[0], string]>([
    [{ cert: 'one.pem' }, 'ENTREPOT_TLS_KEY'],
    [{ key: 'one.key' }, 'ENTREPOT_TLS_CERT'],
    [{ cert: 'nonsense', key: 'one.key' }, 'ENTREPOT_TLS_CERT'],
    [{ cert: 'one.pem', key: 'nonsense' }, 'ENTREPOT_TLS_KEY'],
    [{ cert: 'one.pem', key: 'two.key' }, 'ENTREPOT_TLS_KEY'],
    [{ cert: 'one.pem', key: 'one.key', clientCa: 'absent' }, 'ENTREPOT_TLS_CLIENT_CA'],
  ])('%j is refused, naming %s', (files, name) => {
    const paths = Object.fromEntries(Object.entries(files).map(([part, file]) => [part, path(file)]));
    expect(readTlsFiles(paths).issues.map((issue) => issue.name)).toEqual([name]);
  });
});
