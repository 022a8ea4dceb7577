import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFolderError, openDataFolder } from './data-folder.js';
import { StartedProcesses } from './leftovers.js';
import { AddressInUseError, checkAddressFree, findFreePort } from './ports.js';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'entrepot-data-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

describe('a data folder', () => {
  it('keeps its secret key over restarts, readable by its owner alone', async () => {
    const first = await openDataFolder(path);
    await first.release();
    const second = await openDataFolder(path);
    expect(second.secretKey).toBe(first.secretKey);
    expect(Buffer.from(first.secretKey, 'base64')).toHaveLength(32);
    expect((await stat(join(path, 'secret.key'))).mode & 0o777).toBe(0o600);
    await second.release();
  });

  it('of a newer layout is refused in one line', async () => {
    await writeFile(join(path, 'layout-version'), '999\n');
    await expect(openDataFolder(path)).rejects.toThrow(/written by a newer Entrepot \(layout 999/);
    await expect(readFile(join(path, 'entrepot.pid'))).rejects.toThrow('ENOENT');
  });

  it('whose pid file was left by a process that is gone opens', async () => {
    await writeFile(join(path, 'entrepot.pid'), '4194300\n');
    const folder = await openDataFolder(path);
    expect((await readFile(join(path, 'entrepot.pid'), 'utf8')).trim()).toBe(String(process.pid));
    await folder.release();
  });

  it('in use by a running supervisor is refused by its pid', async () => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)', 'standalone'], { stdio: 'ignore' });
    await writeFile(join(path, 'entrepot.pid'), `${other.pid}\n`);
    await expect(openDataFolder(path)).rejects.toThrow(
      new DataFolderError(`the data folder ${path} is in use by process ${other.pid}`),
    );
    other.kill('SIGKILL');
  });
});

describe('processes that outlived their supervisor', () => {
  it('are ended by the next start, and nobody else is', async () => {
    const script = join(path, 'service.cjs');
    await writeFile(script, 'setTimeout(() => {}, 20000)');
    const ours = spawn(process.execPath, [script], { stdio: 'ignore' });
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'ignore' });
    const before = new StartedProcesses(path);
    before.add(ours.pid as number, script);
    before.add(other.pid as number, script);
    const ended = new Promise((resolve) => ours.once('exit', (_, signal) => resolve(signal)));
    await new StartedProcesses(path).endLeftovers();
    expect(await ended).toBe('SIGKILL');
    expect(other.signalCode).toBeNull();
    other.kill('SIGKILL');
  });
});

describe('the address clients are to use', () => {
  it('that is taken is named in one line', async () => {
    const port = await findFreePort();
    await checkAddressFree('127.0.0.1', port);
    const { createServer } = await import('node:net');
    const server = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    await expect(checkAddressFree('127.0.0.1', port)).rejects.toThrow(AddressInUseError);
    await expect(checkAddressFree('127.0.0.1', port)).rejects.toThrow(/another process listens there/);
    server.close();
  });
});
