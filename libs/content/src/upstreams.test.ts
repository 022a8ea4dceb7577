import { insertRegistry, lockRegistry, type RegistryRow, updateRegistry } from '@entrepot/database';
import { type ContentLab, openContentLab } from '@entrepot/testing';
import { createSecretBox } from './secret-box.js';
import { openUpstreams, type Upstream, type Upstreams } from './upstreams.js';

const secretBox = createSecretBox(Buffer.alloc(32, 1));
const row: RegistryRow = {
  ...{ host: 'ghcr.io', endpoint: null, mirrors: [], kind: null, priority: 5, insecure: false, ca: null },
  ...{ credential: null, maxConnections: null, requestsPerMinute: 60, bytesPerSecond: null },
};

describe('upstreams', () => {
  let lab: ContentLab;
  let upstreams: Upstreams;
  let seen: (readonly Upstream[])[];
  let errors: unknown[];

  beforeEach(async () => {
    lab = await openContentLab();
    [seen, errors] = [[], []];
    upstreams = await openUpstreams({
      ...{ database: lab.context.database, secretBox },
      baseline: [{ host: 'ghcr.io', mirrors: ['https://mirror.example.com'] }, { host: 'docker.io' }],
      onChange: (list) => seen.push(list),
      onError: (error) => errors.push(error),
    });
  });

  afterEach(async () => {
    upstreams.close();
    await lab.close();
  });

  const until = async (isReached: () => boolean): Promise<void> => {
    for (const deadline = Date.now() + 10_000; !isReached() && Date.now() < deadline; ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it('are those of the file, with what follows from the host, Docker Hub first', () => {
    expect(upstreams.list()).toEqual([
      { host: 'docker.io', kind: 'docker-hub', priority: 0, source: 'file' },
      { host: 'ghcr.io', mirrors: ['https://mirror.example.com'], kind: 'distribution', priority: 100, source: 'file' },
    ]);
  });

  it('change without a restart; a row stands over the whole entry of the file', async () => {
    const credential = secretBox.seal(JSON.stringify({ username: 'u', password: 'p' }));
    await lab.context.database.transaction((tx) => insertRegistry(tx, { ...row, credential }));
    await until(() => upstreams.find('ghcr.io')?.source === 'api');
    expect(upstreams.find('ghcr.io')).toMatchObject({
      ...{ mirrors: [], priority: 5, requestsPerMinute: 60, kind: 'distribution' },
      credential: { username: 'u', password: 'p' },
    });
    await lab.context.database.transaction(async (tx) => {
      expect(await lockRegistry(tx, 'ghcr.io')).toMatchObject({ priority: 5 });
      await updateRegistry(tx, { ...row, kind: 'harbor', bytesPerSecond: 3e9 });
    });
    await until(() => upstreams.find('ghcr.io')?.kind === 'harbor');
    expect(upstreams.find('ghcr.io')).toMatchObject({ kind: 'harbor', bytesPerSecond: 3e9, credential: undefined });
    expect(seen.at(-1)).toBe(upstreams.list());
  });

  it('work without a credential that was sealed with another key, and tell it', async () => {
    const credential = createSecretBox(Buffer.alloc(32, 2)).seal('{}');
    await lab.context.database.transaction((tx) => insertRegistry(tx, { ...row, host: 'quay.io', credential }));
    await until(() => upstreams.find('quay.io') !== undefined);
    expect(upstreams.find('quay.io')).toMatchObject({ kind: 'quay', credential: undefined });
    // Once for each time that the table was read.
    expect(new Set(errors.map((error) => (error as { code?: string }).code))).toEqual(new Set(['SECRET_UNREADABLE']));
  });
});
