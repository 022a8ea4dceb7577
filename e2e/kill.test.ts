// Any process may be killed at any moment: what was asked for can be asked for again, and nothing is lost or half done.

import { join } from 'node:path';
import { openBlobStore } from '@entrepot/blob-store';
import { openDatabase } from '@entrepot/database';
import {
  type BuiltImage,
  buildImage,
  checkInvariants,
  describeWith,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type DockerCli, openDockerCli } from './docker-cli.js';
import { type Standalone, startStandalone, type Target } from './standalone.js';

const moments = 20;
const targets: Target[] = ['puller', 'archiver', 'catalog', 'postgres'];

/** The same moments in every run: a small generator of numbers below 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describeWith('docker', 'killing processes', () => {
  let stack: Standalone;
  let upstream: UpstreamRegistry;
  let docker: DockerCli;

  beforeAll(async () => {
    upstream = await startUpstream();
    upstream.faults.add({ on: 'blob', method: 'GET' }, { bytesPerSecond: 12_000_000 });
    stack = await startStandalone({ ENTREPOT_COLLECT_AFTER: '0' });
    docker = await openDockerCli(`tcp://${stack.host}`, stack.folder);
  }, 120_000);

  afterAll(async () => {
    await stack?.remove();
    await upstream?.close();
  });

  const makeImage = async (round: number): Promise<{ reference: string; image: BuiltImage }> => {
    const layers = [0, 1, 2].map((n) => [
      { name: `layer-${n}`, content: deterministicBytes(2_000_000, `round ${round} layer ${n}`) },
    ]);
    const image = await buildImage({ layers });
    upstream.putImage(`kill/round${round}`, image, '1');
    return { reference: `${upstream.host}/kill/round${round}:1`, image };
  };

  /** Asks until it works; a service that restarts may refuse a few times. */
  const untilItWorks = async (...args: string[]): Promise<string> => {
    for (let attempt = 1; ; attempt++) {
      await stack.ready();
      const { exitCode, stdout, stderr } = await docker(...args);
      if (exitCode === 0) return stdout;
      if (attempt === 20) throw new Error(`docker ${args.join(' ')}: ${stdout}${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };

  const killDuring = async (target: Target, delayMs: number, ...args: string[]): Promise<void> => {
    const running = docker(...args);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await stack.kill(target);
    await running;
  };

  it(`of every kind at ${moments} random moments of pull, save and load leaves everything right`, async () => {
    const random = randomFrom(20_261_123);
    for (let round = 0; round < moments; round++) {
      const target = targets[round % targets.length] as Target;
      const { reference, image } = await makeImage(round);
      const archive = join(stack.folder, `round-${round}.tar`);
      const operation = ['pull', 'save', 'load'][Math.floor(round / targets.length) % 3];

      if (operation === 'pull') await killDuring(target, random() * 500, 'pull', reference);
      await untilItWorks('pull', reference);
      if (operation === 'save') await killDuring(target, random() * 120, 'save', '-o', archive, reference);
      await untilItWorks('save', '-o', archive, reference);
      await untilItWorks('rmi', reference);
      if (operation === 'load') await killDuring(target, random() * 200, 'load', '-i', archive);
      await untilItWorks('load', '-i', archive);
      expect((await untilItWorks('images', '-q', '--no-trunc', reference)).trim()).toBe(image.config.digest);
      if (round % 2) await untilItWorks('rmi', reference);
    }
    await stack.ready();
    const database = openDatabase(await stack.databaseUrl());
    const violations = await checkInvariants(database, openBlobStore(stack.blobStoreUrl), { hashes: true });
    await database.close();
    expect(violations).toEqual([]);
  }, 400_000);

  it('of the supervisor itself leaves a data folder that the next start takes over', async () => {
    const { reference, image } = await makeImage(100);
    await untilItWorks('pull', reference);
    await stack.end('SIGKILL');
    await stack.restart();
    expect((await untilItWorks('images', '-q', '--no-trunc', reference)).trim()).toBe(image.config.digest);
    expect(await stack.end('SIGTERM')).toBe(0);
    await stack.restart();
    expect((await untilItWorks('images', '-q', '--no-trunc', reference)).trim()).toBe(image.config.digest);
  }, 120_000);
});
