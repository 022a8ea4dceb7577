import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { textOfBytes } from './byte-text.js';
import { defaultTarLimits } from './limits.js';
import { TarReader } from './tar-reader.js';
import { type LayerItem, opaqueItem, whiteoutItem, writeLayer } from './write-layer.js';

const plain = { mode: 0o644, uid: 0, gid: 0, mtimeMs: 1_700_000_000_999 };

function file(path: string, text: string, more: Partial<LayerItem> = {}): LayerItem {
  const bytes = Buffer.from(text);
  return { ...plain, path, type: 'file', sizeBytes: bytes.length, content: () => [bytes], ...more };
}

const write = (...items: LayerItem[]): Promise<Buffer> => buffer(writeLayer(items));

async function read(tar: Buffer) {
  const entries = [];
  for await (const [entry, body] of new TarReader(asStream(tar), defaultTarLimits)) {
    const chunks = [];
    for await (const chunk of body) chunks.push(chunk);
    entries.push({ ...entry, text: Buffer.concat(chunks).toString() });
  }
  return entries;
}

async function* asStream(tar: Buffer): AsyncGenerator<Buffer> {
  yield tar;
}

describe('a written layer', () => {
  it('reads back as it was given', async () => {
    const tar = await write(
      { ...plain, path: 'etc', type: 'directory', mode: 0o1777 },
      file('etc/a', 'hello', { mode: 0o4755, uid: 1000, gid: 3_000_000_000 }),
      { ...plain, path: 'etc/b', type: 'link', linkTarget: 'etc/a' },
      { ...plain, path: 'etc/c', type: 'symlink', linkTarget: `/${'x'.repeat(300)}`, mode: 0o777 },
      { ...plain, path: 'dev', type: 'character-device', device: { major: 1, minor: 3 } },
      { ...plain, path: 'pipe', type: 'fifo', mtimeMs: -5_000 },
    );
    expect(tar.length % 512).toBe(0);
    const entries = await read(tar);
    expect(entries.map(({ name, type, text }) => [name.replace(/\/$/, ''), type, text])).toEqual([
      ['etc', 'directory', ''],
      ['etc/a', 'file', 'hello'],
      ['etc/b', 'link', ''],
      ['etc/c', 'symlink', ''],
      ['dev', 'character-device', ''],
      ['pipe', 'fifo', ''],
    ]);
    expect(entries[0]).toMatchObject({ mode: 0o1777, mtimeMs: 1_700_000_000_000 });
    expect(entries[1]).toMatchObject({ mode: 0o4755, uid: 1000, gid: 3_000_000_000 });
    expect(entries[2]?.linkTarget).toBe('etc/a');
    expect(entries[3]?.linkTarget).toBe(`/${'x'.repeat(300)}`);
    expect(entries[4]?.device).toEqual({ major: 1, minor: 3 });
    expect(entries[5]?.mtimeMs).toBe(-5_000);
  });

  it.each(['a'.repeat(100), 'a'.repeat(101), `${'d/'.repeat(2000)}f`, 'grün/Straße', '日本'])(
    'keeps the name %.20s…',
    async (path) => {
      expect((await read(await write(file(path, 'x')))).map(({ name }) => name)).toEqual([path]);
    },
  );

  it('is the same, byte for byte, for the same entries, however their contents are cut', async () => {
    const one = file('a', '', { sizeBytes: 300_000, content: () => [Buffer.alloc(300_000, 'x')] });
    const pieces = Array.from({ length: 300 }, () => Buffer.alloc(1000, 'x'));
    const xattrs = { 'user.b': textOfBytes(Buffer.from([0, 255])), 'user.a': '1' };
    const backwards = { 'user.a': '1', 'user.b': textOfBytes(Buffer.from([0, 255])) };
    const first = await write({ ...one, xattrs });
    expect((await write({ ...one, xattrs: backwards, content: () => pieces })).equals(first)).toBe(true);
  });

  it('gives GNU tar and its kernel names that are no UTF-8, attributes, sparse sizes and whiteouts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'entrepot-layer-'));
    try {
      const odd = Buffer.from([0x63, 0xe9, 0xff]);
      const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
      const tar = await write(
        file(textOfBytes(odd), 'latin'),
        file('ping', 'p', { xattrs: { 'security.capability': textOfBytes(capability) } }),
        whiteoutItem('etc/gone', 0),
        opaqueItem('var', 0),
      );
      writeFileSync(join(folder, 'layer.tar'), tar);
      const listed = execFileSync('tar', ['--quoting-style=escape', '-tf', 'layer.tar'], {
        cwd: folder,
        env: { LC_ALL: 'C' },
      });
      expect(String(listed).trim().split('\n')).toEqual(['c\\351\\377', 'ping', 'etc/.wh.gone', 'var/.wh..wh..opq']);
      expect(tar.includes(Buffer.concat([Buffer.from('SCHILY.xattr.security.capability='), capability]))).toBe(true);
      execFileSync('tar', ['-xf', 'layer.tar'], { cwd: folder });
      expect(readFileSync(Buffer.concat([Buffer.from(`${folder}/`), odd]), 'utf8')).toBe('latin');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each([
    ['more', 3],
    ['fewer', 7],
  ])('refuses a content that has %s bytes than said, naming the entry', async (_what, sizeBytes) => {
    const failing = write(file('etc/a', 'hello', { sizeBytes }));
    await expect(failing).rejects.toMatchObject({ code: 'CONTENT_SIZE', message: expect.stringContaining('etc/a') });
  });

  it('is never more than a batch in memory', async () => {
    let made = 0;
    const content = async function* () {
      for (; made < 64; made++) yield Buffer.alloc(1_000_000);
    };
    const stream = writeLayer([{ ...plain, path: 'big', type: 'file', sizeBytes: 64_000_000, content }]);
    await stream.next();
    expect(made).toBeLessThan(2);
    await stream.return(undefined);
  });
});
