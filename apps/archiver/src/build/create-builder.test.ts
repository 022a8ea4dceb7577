import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { findImage, findImageDetail } from '@entrepot/database';
import { analyseLayer as analyseLayerJob, analyseLayerNow, type JobQueue } from '@entrepot/jobs';
import { LayerIndexWriter, type LayerItem, summarizeLayer, writeLayer } from '@entrepot/layers';
import { createLogger } from '@entrepot/observability';
import { parseReference } from '@entrepot/oci';
import { type ContentLab, checkInvariants, openContentLab } from '@entrepot/testing';
import { analyseLayer } from '../analyse-layer.js';
import type { LayerReader } from '../layer-thread.js';
import { LayerTrees } from '../layer-trees.js';
import { createBuilder } from './create-builder.js';
import type { BuildMessage, BuildRequest } from './image-builder.js';
import type { StepRunner } from './step-runner.js';

const plain = { mode: 0o644, uid: 1000, gid: 1000, mtimeMs: 1_600_000_000_000 };

const file = (path: string, text: string | Buffer, more: Partial<LayerItem> = {}): LayerItem => {
  const bytes = Buffer.from(text);
  return { ...plain, path, type: 'file', sizeBytes: bytes.length, content: () => [bytes], ...more };
};

const tar = (...items: LayerItem[]): Promise<Buffer> => buffer(writeLayer(items));

describe('a build', () => {
  let lab: ContentLab;
  const logger = createLogger({ service: 'test', level: 'silent' });
  const reader: LayerReader = {
    read: async (storageKey, takePart) => {
      const index = new LayerIndexWriter(takePart);
      const source = await lab.context.store.open(storageKey);
      const summary = await summarizeLayer(source, {}, { onIndexed: (entry) => index.write(entry) });
      await index.end();
      return { ...summary, packages: [] };
    },
    close: async () => {},
  };
  const queue = {
    enqueueMany: async (job: unknown, payloads: { digest: never }[]) => {
      if (job !== analyseLayerJob && job !== analyseLayerNow) return;
      const { signal } = new AbortController();
      for (const payload of payloads) {
        await analyseLayer({ content: lab.context, layers: reader, logger }, payload, { signal });
      }
    },
  } as unknown as JobQueue;

  beforeEach(async () => {
    lab = await openContentLab();
  });
  afterEach(async () => {
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    await lab.close();
  });

  async function build(context: Buffer, wanted: Partial<BuildRequest> = {}, runner: StepRunner | null = null) {
    const parts = { content: lab.context, queue, secretKey: Buffer.alloc(32), reach: 'loopback' as const, runner };
    const builder = createBuilder({ ...parts, trees: new LayerTrees({ content: lab.context, queue }) });
    const request: BuildRequest = {
      ...{ dockerfile: 'Dockerfile', tags: [parseReference('lab/built:1')], target: '', labels: {}, platform: null },
      ...{ buildArgs: new Map(), credentials: new Map(), pull: false, noCache: false, quiet: false },
      ...{ removeContainers: true, epoch: new Date(0) },
      ...wanted,
    };
    const said: BuildMessage[] = [];
    const body = Readable.from([context], { objectMode: false });
    await builder.build(request, body, (message) => said.push(message), new AbortController().signal);
    return said
      .map(({ stream }) => stream ?? '')
      .join('')
      .replace(/\b[0-9a-f]{12}\b/g, 'ID');
  }

  async function inspect() {
    const { prisma } = lab.context.database;
    const found = await findImage(prisma, 'lab/built:1');
    const detail = found && (await findImageDetail(prisma, found));
    if (!detail) throw new Error('there is no such image');
    return detail;
  }

  async function tree() {
    const { layers } = await inspect();
    const trees = new LayerTrees({ content: lab.context, queue });
    return (await trees.open(layers.map(({ digest }) => digest))).tree;
  }

  async function files(): Promise<Record<string, [mode: string, owner: string]>> {
    const found: Record<string, [string, string]> = {};
    for (const { path, entry } of (await tree()).walk()) {
      if (path !== '') found[path] = [entry.mode.toString(8), `${entry.uid}:${entry.gid}`];
    }
    return found;
  }

  const twoStages = `
ARG NAME=world
FROM scratch AS one
ARG NAME
ENV GREETING=hello-\${NAME:+$NAME}
WORKDIR /srv/$GREETING
COPY a.txt sub/ ./
FROM scratch
COPY --from=one --chown=5:6 /srv /out
ADD pack.tar.gz /
USER 5
`;
  const contextOf = async (dockerfile: string) =>
    tar(
      file('Dockerfile', dockerfile),
      file('a.txt', 'a', { mode: 0o4755 }),
      file('pack.tar.gz', gzipSync(await tar(file('packed', 'p', { uid: 7, gid: 8 })))),
      { ...plain, path: 'sub', type: 'directory', mode: 0o755 },
      file('sub/b.txt', 'b'),
    );

  it('tells its steps as the classic builder does, and again from the cache', async () => {
    const context = await contextOf(twoStages);
    const first = await build(context);
    expect(first).toBe(
      [
        'Step 1/10 : ARG NAME=world',
        'Step 2/10 : FROM scratch AS one\n ---> ',
        'Step 3/10 : ARG NAME\n ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID',
        'Step 4/10 : ENV GREETING=hello-${NAME:+$NAME}\n ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID',
        'Step 5/10 : WORKDIR /srv/$GREETING\n ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID',
        'Step 6/10 : COPY a.txt sub/ ./\n ---> ID',
        'Step 7/10 : FROM scratch\n ---> ',
        'Step 8/10 : COPY --from=one --chown=5:6 /srv /out\n ---> ID',
        'Step 9/10 : ADD pack.tar.gz /\n ---> ID',
        'Step 10/10 : USER 5\n ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID',
        'Successfully built ID',
        'Successfully tagged lab/built:1',
        '',
      ].join('\n'),
    );
    const before = await inspect();
    const second = await build(context);
    expect(second.match(/Using cache/g)).toHaveLength(7);
    expect((await inspect()).id).toBe(before.id);
    expect(await files()).toEqual({
      out: ['755', '5:6'],
      'out/hello-world': ['755', '5:6'],
      'out/hello-world/a.txt': ['755', '5:6'],
      'out/hello-world/b.txt': ['644', '5:6'],
      packed: ['644', '7:8'],
    });
  });

  it('gives one image id for one context and time, wherever it runs', async () => {
    await build(await contextOf(twoStages), { noCache: true });
    const { id } = await inspect();
    await lab.close();
    lab = await openContentLab();
    await build(await contextOf(twoStages));
    expect((await inspect()).id).toBe(id);
  });

  it('takes a context that ends without padding and end, and none that is cut in a file', async () => {
    const whole = await tar(file('a', 'content'), file('Dockerfile', 'FROM scratch\nCOPY a /a\n'));
    const end = whole.length - 1024 - 512 + 'FROM scratch\nCOPY a /a\n'.length;
    await build(whole.subarray(0, end));
    expect(Object.keys(await files())).toEqual(['a']);
    await expect(build(whole.subarray(0, end - 3))).rejects.toThrow('tar ends unexpectedly (at entry Dockerfile)');
    await expect(build(Buffer.from('no tar at all'))).rejects.toMatchObject({ status: 400 });
  });

  it('refuses RUN before its first step, naming line and way out, and hands it to a runner that is there', async () => {
    const context = await tar(file('Dockerfile', 'FROM scratch\nENV A=b\nRUN make x\n'));
    await expect(build(context)).rejects.toThrow(/^dockerfile line 3: RUN needs a container runtime.*COPY or ADD/);
    expect(await lab.context.database.prisma.image.count()).toBe(0);
    const ran: string[][] = [];
    const runner: StepRunner = {
      run: async ({ command, print }) => {
        ran.push([...command]);
        print('made\n');
        return { exitCode: 0, layer: Readable.from([await tar(file('x', 'made'))], { objectMode: false }) };
      },
    };
    expect(await build(context, {}, runner)).toContain('made\n ---> Removed intermediate container');
    expect(ran).toEqual([['/bin/sh', '-c', 'make x']]);
    expect(Object.keys(await files())).toEqual(['x']);
    const failing: StepRunner = { run: async () => ({ exitCode: 3, layer: null }) };
    const failed = build(context, { noCache: true }, failing);
    await expect(failed).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining('non-zero code: 3') });
  });

  it('refuses RUN of an ONBUILD trigger before anything is made, naming it, from a base as from a stage', async () => {
    const trigger = 'ONBUILD ENV A=b\nONBUILD RUN make x\n';
    await build(await tar(file('Dockerfile', `FROM scratch\n${trigger}`)));
    const made = await lab.context.database.prisma.image.count();
    const refused = /^ONBUILD trigger "RUN make x": RUN needs a container runtime/;
    for (const dockerfile of [
      'FROM lab/built:1\nENV B=c\n',
      'FROM scratch\nENV B=c\nFROM lab/built:1\n',
      `FROM scratch AS one\nENV B=c\n${trigger}FROM one\n`,
      `FROM scratch\n${trigger}FROM 0\n`,
    ]) {
      await expect(build(await tar(file('Dockerfile', dockerfile)))).rejects.toThrow(refused);
    }
    expect(await lab.context.database.prisma.image.count()).toBe(made);
  });

  it('takes what an address holds by its checksum and time, and nothing else', async () => {
    const modified = 'Wed, 01 Jan 2020 00:00:00 GMT';
    const server = createServer((_, response) => response.setHeader('last-modified', modified).end('remote'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
      const sum = `sha256:${createHash('sha256').update('remote').digest('hex')}`;
      const add = async (line: string) =>
        build(await tar(file('Dockerfile', `FROM scratch\n${line}\n`)), { epoch: null });
      await add(`ADD --checksum=${sum} ${url} /in/`);
      expect(await files()).toMatchObject({ 'in/x': ['600', '0:0'] });
      expect((await tree()).find('in/x')?.entry.mtimeMs).toBe(Date.parse(modified));
      const other = `sha256:${'0'.repeat(64)}`;
      await expect(add(`ADD --checksum=${other} ${url} /`)).rejects.toThrow(`${sum}, expected ${other}`);
      await expect(add(`ADD --checksum=md5:0 ${url} /`)).rejects.toThrow('invalid checksum digest format: md5:0');
      await expect(add(`ADD --checksum=${sum} Dockerfile /`)).rejects.toThrow(
        "checksum can't be specified for non-HTTP",
      );
      await expect(add(`COPY --checksum=${sum} Dockerfile /`)).rejects.toThrow('unknown flag: checksum');
    } finally {
      server.close();
    }
  });

  it.each([
    ['of the context', 'FROM scratch\nCOPY a.txt /\n', 'a.txt'],
    ['of a stage', 'FROM scratch AS one\nCOPY a.txt /\nFROM scratch\nCOPY --from=one /a.txt /b/\n', 'b/a.txt'],
    ['of a directory of a stage', 'FROM scratch AS one\nCOPY a.txt /d/\nFROM scratch\nCOPY --from=one /d /\n', 'a.txt'],
  ])('never takes a copy from the cache that was made of another content %s, be it as long', async (_, steps, path) => {
    for (const content of ['first', 'other', 'first']) {
      await build(await tar(file('Dockerfile', steps), file('a.txt', content)));
      const sha256 = createHash('sha256').update(content).digest('hex');
      expect((await tree()).find(path)?.entry.sha256).toBe(sha256);
    }
  });

  it('never takes an unpacked archive from the cache that holds another content', async () => {
    for (const content of ['first', 'other']) {
      const packed = await tar(file('packed', content));
      await build(await tar(file('Dockerfile', 'FROM scratch\nADD p.tar /\n'), file('p.tar', packed)));
      const sha256 = createHash('sha256').update(content).digest('hex');
      expect((await tree()).find('packed')?.entry.sha256).toBe(sha256);
    }
  });

  it('keeps of a health check what the next one does not say, and tells that it goes', async () => {
    const first = 'FROM scratch\nHEALTHCHECK --interval=5s --retries=4 CMD a\n';
    const told = await build(await tar(file('Dockerfile', `${first}HEALTHCHECK --timeout=3s CMD b\n`)));
    expect(told).toContain('Note: overriding previous HEALTHCHECK: [CMD-SHELL a]\n');
    const { config, history } = await inspect().then(({ config }) => config as { config: object; history: object[] });
    expect(config).toMatchObject({
      Healthcheck: { Test: ['CMD-SHELL', 'b'], Interval: 5e9, Timeout: 3e9, Retries: 4 },
    });
    expect(history.at(0)).toMatchObject({
      created_by: expect.stringContaining(`HEALTHCHECK &{["CMD-SHELL" "a"] "5s" "0s" "0s" "0s" '\\x04'}`),
    });
  });

  it.each([
    ['5', 'index out of bounds'],
    ['0', 'refers to current build stage'],
    ['scratch', "'scratch' is a reserved name"],
  ])('looks nowhere else for the stage %s', async (from, reason) => {
    const context = await tar(file('Dockerfile', `FROM scratch\nCOPY --from=${from} /a /b\n`));
    await expect(build(context)).rejects.toThrow(`invalid from flag value ${from}: ${reason}`);
  });

  it('unpacks an archive whose files are in no order, reading it once', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `f${(n * 77) % 300}`);
    const packed = gzipSync(await tar(...names.map((name) => file(name, `content of ${name}`))));
    const { store } = lab.context;
    const { open } = store;
    let opened = 0;
    store.open = (...wanted) => {
      opened += 1;
      return open.apply(store, wanted);
    };
    await build(await tar(file('Dockerfile', 'FROM scratch\nADD p.tar.gz /\n'), file('p.tar.gz', packed)));
    expect(opened).toBeLessThan(20);
    for (const { path, entry } of (await tree()).walk()) {
      if (path === '') continue;
      expect(entry.sha256).toBe(createHash('sha256').update(`content of ${path}`).digest('hex'));
    }
    expect((await tree()).list('')).toHaveLength(300);
  });

  it('never takes a step for another platform from the cache', async () => {
    const context = await tar(file('Dockerfile', 'FROM scratch\nENV A=b\n'));
    for (const architecture of ['amd64', 'arm64', 'amd64']) {
      await build(context, { platform: { os: 'linux', architecture } });
      expect((await inspect()).config).toMatchObject({ architecture });
    }
  });

  it('ends at the target, and tells the labels of the request as steps of it', async () => {
    const dockerfile = 'FROM scratch AS one\nENV A=b\nFROM scratch\nENV C=d\n';
    const told = await build(await tar(file('Dockerfile', dockerfile)), { target: 'ONE', labels: { x: 'y z' } });
    expect(told).toContain('Step 3/3 : LABEL x=y z\n');
    expect((await inspect()).config).toMatchObject({
      config: { Env: expect.arrayContaining(['A=b']), Labels: { x: 'y z' } },
    });
    await expect(build(await tar(file('Dockerfile', dockerfile)), { target: 'two' })).rejects.toThrow(
      'build target two',
    );
  });

  it('says nothing but the id when it is to be quiet', async () => {
    expect(await build(await contextOf(twoStages), { quiet: true })).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  });

  it('leaves Dockerfile and .dockerignore out where that says so, and no more, as a daemon does', async () => {
    const rules = 'Docker*\n.dockerignore\n!Dockerfile.kept\nother\n';
    const more = [file('.dockerignore', rules), file('Dockerfile.kept', 'x'), file('other', 'x')];
    await build(await tar(file('Dockerfile', 'FROM scratch\nCOPY . /\n'), ...more));
    expect(Object.keys(await files())).toEqual(['Dockerfile.kept', 'other']);
  });

  it('makes one image of two equal builds at once', async () => {
    const context = await contextOf(twoStages);
    const ids = await Promise.all([1, 2, 3].map(() => build(context, { noCache: true, quiet: true })));
    expect(new Set(ids).size).toBe(1);
  });

  it.each([
    [
      'COPY nope /',
      'COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist',
    ],
    ['COPY nope* /', 'COPY failed: no source files were specified'],
    ['COPY ../x /', 'COPY failed: forbidden path outside the build context: ../x ()'],
    [
      'COPY a.txt sub /x',
      'When using COPY with more than one source file, the destination must be a directory and end with a /',
    ],
    ['COPY --chown=nobody a.txt /x', 'no such user: nobody'],
    ['COPY http://127.0.0.1:9/x /x', "COPY failed: source can't be a URL for COPY"],
    ['ADD http://127.0.0.1:9/x /x', 'ADD failed: Get "http://127.0.0.1:9/x": it cannot be read (ECONNREFUSED)'],
    ['STOPSIGNAL FOO', 'Invalid signal: FOO'],
    ['EXPOSE abc', 'Invalid containerPort: abc'],
  ])('explains what is wrong with %s', async (line, reason) => {
    await expect(build(await contextOf(`FROM scratch\n${line}\n`))).rejects.toThrow(reason);
  });
});
