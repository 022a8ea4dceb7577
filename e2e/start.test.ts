// What keeps `npm start` from starting is said in one line, and a disk that fills up later costs one pull.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBlobStore } from '@entrepot/blob-store';
import { openDatabase } from '@entrepot/database';
import { buildImage, checkInvariants, describeWith, deterministicBytes, startUpstream } from '@entrepot/testing';
import { openDockerCli } from './docker-cli.js';
import { startStandalone } from './standalone.js';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** What a start that fails says, line by line. */
async function refusal(environment: Record<string, string>): Promise<string[]> {
  const failure = await startStandalone(environment).then(
    (stack) => stack.remove().then(() => new Error('it started')),
    (error: Error) => error,
  );
  return failure.message.trim().split('\n');
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-start-'));
  execFileSync('chmod', ['755', folder]);
  undo.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('a start', () => {
  it('at an address that is taken names it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    undo.push(() => server.close());
    const { port } = server.address() as { port: number };
    expect(await refusal({ ENTREPOT_LISTEN: `127.0.0.1:${port}` })).toEqual([
      `standalone ended with 1: entrepot: cannot listen on 127.0.0.1:${port} (ENTREPOT_LISTEN): another process listens there`,
    ]);
  }, 60_000);

  it('on a data folder of a newer version leaves it alone', async () => {
    const folder = await makeFolder();
    await writeFile(join(folder, 'layout-version'), '999\n');
    expect(await refusal({ ENTREPOT_DATA_DIR: folder })).toEqual([
      expect.stringMatching(/^standalone ended with 1: entrepot: the data folder \S+ was written by a newer Entrepot/),
    ]);
    await rm(join(folder, 'layout-version'));
    await mkdir(join(folder, 'postgres'));
    await writeFile(join(folder, 'postgres', 'PG_VERSION'), '99\n');
    expect(await refusal({ ENTREPOT_DATA_DIR: folder })).toEqual([
      expect.stringMatching(/^standalone ended with 1: entrepot: data folder \S+ was made by PostgreSQL 99/),
    ]);
  }, 60_000);

  it('with a wrong setting names the variable, never the value', async () => {
    expect(await refusal({ BLOB_STORE_URL: 'ftp://user:secret@host/x', ENTREPOT_PULLERS: 'many' })).toEqual([
      expect.stringMatching(/^standalone ended with 1: entrepot: BLOB_STORE_URL: (?!.*secret)/),
      expect.stringMatching(/^entrepot: ENTREPOT_PULLERS: (?!.*many)/),
    ]);
  }, 60_000);
});

/** A disk of that size, or null where nobody may mount one. */
async function mountDisk(megabytes: number): Promise<string | null> {
  const folder = await makeFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    process.stderr.write('\n!!! SKIPPED a full disk: no tmpfs can be mounted here\n');
    return null;
  }
  undo.push(() => execFileSync('umount', ['--lazy', folder]));
  return folder;
}

describeWith('docker', 'a full disk', () => {
  it('at the start is said in one line', async () => {
    const folder = await mountDisk(24);
    if (folder === null) return;
    expect(await refusal({ ENTREPOT_DATA_DIR: folder })).toEqual([
      expect.stringMatching(/^standalone ended with 1: entrepot: .*(is full|no space left)/),
    ]);
  }, 60_000);

  it('costs the pull that fills it, and nothing else', async () => {
    const folder = await mountDisk(60);
    if (folder === null) return;
    const blobStoreUrl = pathToFileURL(join(folder, 'blobs')).href;
    const upstream = await startUpstream();
    undo.push(() => upstream.close());
    const big = await buildImage({
      layers: [{ entries: [{ name: 'big', content: deterministicBytes(100_000_000) }], compression: 'none' }],
    });
    const small = await buildImage({ layers: [[{ name: 'small', content: 'x' }]] });
    upstream.putImage('disk/big', big, '1');
    upstream.putImage('disk/small', small, '1');
    const stack = await startStandalone({ BLOB_STORE_URL: blobStoreUrl, ENTREPOT_COLLECT_AFTER: '0' });
    undo.push(() => stack.remove());
    const docker = await openDockerCli(`tcp://${stack.host}`, stack.folder);
    const refused = await docker('pull', `${upstream.host}/disk/big:1`);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/full|no space left/) });
    expect(await docker.ok('pull', `${upstream.host}/disk/small:1`)).toContain('Downloaded newer image');
    expect((await docker.ok('images', '-aq', '--no-trunc')).trim()).toBe(small.config.digest);
    const database = openDatabase(await stack.databaseUrl());
    undo.push(() => database.close());
    expect(await checkInvariants(database, openBlobStore(blobStoreUrl), { hashes: true })).toEqual([]);
  }, 120_000);
});
