import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { IndexEntry } from './index-entry.js';
import { MergedTree } from './merged-tree.js';
import { PackageFinder } from './packages.js';
import { summarizeLayer } from './summarize-layer.js';
import { tarEnd, tarPadding, type WritableEntry, writeTarHeader } from './tar-writer.js';

type Entry = Partial<WritableEntry> & { name: string; body?: string | Buffer };

const plain: Omit<WritableEntry, 'name'> = {
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeMs: 0,
  linkTarget: null,
  device: null,
  xattrs: {},
};

function tar(...entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ body = '', ...entry }) => {
    const bytes = Buffer.from(body);
    return [writeTarHeader({ ...plain, ...entry, sizeBytes: bytes.length }), bytes, tarPadding(bytes.length)];
  });
  return Buffer.concat([...blocks, tarEnd]);
}

/** Analyses a layer as the archiver does, with everything that looks at it. */
async function analyse(layer: Buffer): Promise<IndexEntry[]> {
  const entries: IndexEntry[] = [];
  const onIndexed = (entry: IndexEntry): void => void entries.push(entry);
  await summarizeLayer(Readable.from([layer]), {}, { onIndexed, watch: new PackageFinder() });
  return entries;
}

/** The same bytes on every run, and other ones for every seed. */
function random(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 374_761_393) >>> 0;
    return state % below;
  };
}

const refusals = new Set(['INVALID_LAYER', 'LAYER_TOO_LARGE']);

/** What must hold whatever the bytes: entries that make a tree, or a refusal of ours. */
async function survives(layer: Buffer): Promise<string> {
  try {
    const tree = await MergedTree.of([await analyse(layer)]);
    for (const { path } of tree.walk()) expect(path.split('/')).not.toContain('..');
    return 'accepted';
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (!refusals.has(code ?? '')) throw error;
    return message;
  }
}

const sample = () =>
  tar(
    { name: './', type: 'directory', mode: 0o755 },
    { name: 'etc/passwd', body: 'root:x:0:0\n' },
    { name: 'etc/link', type: 'symlink', linkTarget: '../../../..' },
    {
      name: `deep/${'long-name-'.repeat(20)}`,
      body: 'x'.repeat(700),
      xattrs: { 'security.capability': '\x01\0\udcff' },
    },
    { name: 'etc/hard', type: 'link', linkTarget: 'etc/passwd' },
    { name: 'etc/.wh.gone' },
    { name: 'var/lib/dpkg/status', body: 'Package: a\nVersion: 1\n\n' },
  );

describe('a hostile layer', () => {
  it('may be cut anywhere', async () => {
    const bytes = sample();
    for (let length = 0; length < bytes.length; length += 97) await survives(bytes.subarray(0, length));
    const packed = gzipSync(bytes);
    for (let length = 1; length < packed.length; length += 31) await survives(packed.subarray(0, length));
  });

  it('may have any bytes changed', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 400; seed++) {
      const next = random(seed);
      const bytes = sample();
      for (let change = next(4); change >= 0; change--) bytes[next(bytes.length)] = next(256);
      if (seed % 2 === 0) fixChecksums(bytes);
      outcomes.add(await survives(bytes));
    }
    expect(outcomes.size).toBeGreaterThan(3);
  });

  it.each<[string, Entry[], string]>([
    ['leads out of the root', [{ name: '../../etc/passwd' }], 'unsafe path ../../etc/passwd: leads out of its tree'],
    ['leads out in the middle', [{ name: 'a/../../b' }], 'unsafe path a/../../b'],
    ['links out of the root', [{ name: 'a', type: 'link', linkTarget: '../b' }], 'unsafe path ../b'],
    ['whites out nothing', [{ name: 'etc/.wh.' }], 'unsafe path etc/.wh.: is a whiteout of nothing'],
    ['whites out its parent', [{ name: 'etc/.wh...' }], 'unsafe path etc/.wh...'],
    ['has a name of 200 000 bytes', [{ name: 'd/'.repeat(100_000) }], 'name is longer than 4096 bytes'],
    ['has no name at all', [{ name: '' }], 'unsafe path "": is empty'],
  ])('is refused by name when it %s', async (_, entries, message) => {
    await expect(analyse(tar({ name: 'ok' }, ...entries))).rejects.toThrow(message);
  });

  it.each<[string, [string, string][]]>([
    ['a size beyond the tar', [['size', '99999999999']]],
    ['a size that is no number', [['size', 'many']]],
    ['a size below nothing', [['size', '-1']]],
    [
      'sparse parts beyond the file',
      [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.realsize', '5'],
        ['GNU.sparse.map', '0,9'],
      ],
    ],
    [
      'a map of a billion parts',
      [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.realsize', '9'],
      ],
    ],
    ['another name', [['path', '../out']]],
    [
      'keys of the language',
      [
        ['__proto__', 'x'],
        ['constructor', 'y'],
        ['SCHILY.xattr.__proto__', 'z'],
      ],
    ],
  ])('may lie in its PAX header: %s', async (_, records) => {
    const body = Buffer.from(records.map(([key, value]) => paxLine(key, value)).join(''));
    const header = writeTarHeader({ ...plain, name: 'PaxHeaders/x', sizeBytes: body.length });
    header.write('x', 156);
    fixChecksums(header);
    const map = Buffer.from('999999999\n1\n2\n'.padEnd(512, '\0'));
    await survives(Buffer.concat([header, body, tarPadding(body.length), tar({ name: 'liar', body: map })]));
  });

  it('may repeat, shadow and undo its own names', async () => {
    const odd: Entry[] = [
      { name: 'a', body: '1' },
      { name: 'a/b', body: 'below a file' },
      { name: 'a/b/c', type: 'directory' },
      { name: 'a', type: 'symlink', linkTarget: 'a' },
      { name: 'a/x', body: 'below a circle' },
      { name: 'h', type: 'link', linkTarget: 'h' },
      { name: 'h', type: 'link', linkTarget: 'nowhere/at/all' },
      { name: 'd', type: 'directory' },
      { name: 'd', body: 'a file now' },
      { name: 'd/.wh..wh..opq' },
      { name: '.wh.d' },
      { name: '/abs', type: 'symlink', linkTarget: '/../../etc/shadow' },
      { name: 'abs/y', body: 'through it' },
    ];
    const tree = await MergedTree.of([await analyse(tar(...odd)), await analyse(tar(...odd.reverse()))]);
    expect(tree.resolve('abs')).toBe('etc/shadow');
    expect([...tree.walk()].length).toBeGreaterThan(5);
  });

  it('may have a million entries, within 300 MB', async () => {
    // The heap that the archiver gives its threads.
    const heap = ['--max-old-space-size=256', '--max-semi-space-size=4'];
    const { stdout } = await promisify(execFile)(process.execPath, [...heap, '--input-type=module', '-e', million], {
      cwd: new URL('..', import.meta.url),
    });
    const { entryCount, parts, rssMb } = JSON.parse(stdout);
    expect(entryCount).toBe(1_000_000);
    expect(parts).toBeGreaterThan(5);
    expect(rssMb).toBeLessThan(300);
  }, 300_000);
});

/** Runs on what is built, in a process of its own whose memory can be measured. */
const million = `
  import { readFileSync } from 'node:fs';
  import { Readable } from 'node:stream';
  import { LayerIndexWriter, summarizeLayer, writeTarHeader } from './dist/index.js';
  const plain = { type: 'file', mode: 420, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 0, linkTarget: null, device: null, xattrs: {} };
  function* entries() {
    for (let at = 0; at < 1_000_000; at += 500) {
      const some = Array.from({ length: 500 }, (_, n) => writeTarHeader({ ...plain, name: 'dir' + at + '/file-' + (at + n) }));
      yield Buffer.concat(some);
    }
  }
  let parts = 0;
  const index = new LayerIndexWriter(async () => { parts += 1; });
  const { entryCount } = await summarizeLayer(Readable.from(entries()), {}, { onIndexed: (entry) => index.write(entry) });
  await index.end();
  // The maximum that getrusage knows is inherited from whoever started this process.
  const [, peakKb] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  console.log(JSON.stringify({ entryCount, parts, rssMb: Number(peakKb) / 1024 }));
`;

/** Makes every block that could be a header one that passes the first check. */
function fixChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
}

function paxLine(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return `${length}${rest}`;
}
