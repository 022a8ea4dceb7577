import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { IndexEntry } from './index-entry.js';
import { LayerIndexWriter, readLayerIndex } from './layer-index.js';
import { streamedTar } from './stored-tar.js';
import { summarizeLayer } from './summarize-layer.js';
import { readTarFile, TarFileReader } from './tar-file-reader.js';
import { tarEnd, tarPadding, type WritableEntry, writeTarHeader } from './tar-writer.js';

const plain: WritableEntry = {
  name: 'a',
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

function tar(...entries: (Partial<WritableEntry> & { body?: Buffer })[]): Buffer {
  const blocks = entries.flatMap(({ body = Buffer.alloc(0), ...entry }) => [
    writeTarHeader({ ...plain, ...entry, sizeBytes: body.length }),
    body,
    tarPadding(body.length),
  ]);
  return Buffer.concat([...blocks, tarEnd]);
}

async function indexOf(layer: Buffer): Promise<{ parts: Buffer[]; entries: IndexEntry[] }> {
  const parts: Buffer[] = [];
  const writer = new LayerIndexWriter(async (part) => void parts.push(part));
  await summarizeLayer(Readable.from([layer]), {}, { onIndexed: (entry) => writer.write(entry) });
  await writer.end();
  const entries: IndexEntry[] = [];
  for await (const entry of readLayerIndex(Readable.from(parts))) entries.push(entry);
  return { parts, entries };
}

describe('the index of a layer', () => {
  const capability = '\x01\0\0\x02\0 \0\0\udcff\udc80';

  it('keeps all that a tar says of an entry', async () => {
    const layer = tar(
      { name: './', type: 'directory', mode: 0o755 },
      { name: 'usr/größe\udcff/', type: 'directory', mode: 0o1777, uid: 3_000_000, gid: 5 },
      { name: 'usr/ping', mode: 0o4755, mtimeMs: 1_700_000_000_250, xattrs: { 'security.capability': capability } },
      { name: 'dev/null', type: 'character-device', device: { major: 1, minor: 3 }, mtimeMs: -86_400_000 },
      { name: 'etc/mtab', type: 'symlink', linkTarget: `../proc/${'long/'.repeat(40)}mounts` },
      { name: 'etc/passwd-', type: 'link', linkTarget: './etc//passwd' },
      { name: 'etc/.wh.shadow' },
      { name: 'opt/.wh..wh..opq' },
      { name: '.wh..wh.plnk' },
      { name: `n${'ä'.repeat(2000)}`, body: Buffer.from('hello') },
    );
    const { entries } = await indexOf(gzipSync(layer));
    expect(entries.map(({ path, type }) => [path, type])).toEqual([
      ['', 'directory'],
      ['usr/größe\udcff', 'directory'],
      ['usr/ping', 'file'],
      ['dev/null', 'character-device'],
      ['etc/mtab', 'symlink'],
      ['etc/passwd-', 'link'],
      ['etc/shadow', 'whiteout'],
      ['opt', 'opaque'],
      [`n${'ä'.repeat(2000)}`, 'file'],
    ]);
    expect(entries[1]).toMatchObject({ mode: 0o1777, uid: 3_000_000, gid: 5 });
    expect(entries[2]).toMatchObject({ mode: 0o4755, mtimeMs: 1_700_000_000_250 });
    expect(entries[2]?.xattrs).toEqual({ 'security.capability': capability });
    expect(entries[3]).toMatchObject({ device: { major: 1, minor: 3 }, mtimeMs: -86_400_000 });
    expect(entries[4]?.linkTarget).toBe(`../proc/${'long/'.repeat(40)}mounts`);
    expect(entries[5]?.linkTarget).toBe('etc/passwd');
    expect(entries.at(-1)).toMatchObject({
      sizeBytes: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    });
  });

  it('is the same for every encoding of a layer', async () => {
    const layer = tar({ name: 'x', body: Buffer.alloc(70_000, 1) });
    expect((await indexOf(gzipSync(layer))).parts).toEqual((await indexOf(layer)).parts);
  });

  it('comes in parts of bounded size', async () => {
    const { entries } = await indexOf(tar({ name: 'a' }));
    const paths = Array.from({ length: 3000 }, (_, at) => `${'x'.repeat(4000)}${at}`);
    const parts: Buffer[] = [];
    const writer = new LayerIndexWriter(async (part) => void parts.push(part));
    for (const path of paths) await writer.write({ ...(entries[0] as IndexEntry), path });
    await writer.end();
    expect(parts).toHaveLength(2);
    const read: string[] = [];
    for await (const { path } of readLayerIndex(Readable.from(parts))) read.push(path);
    expect(read).toEqual(paths);
  });

  it('leads to the content of files', async () => {
    const files = ['one', 'two', 'three'].map((name) => ({ name, body: Buffer.from(name.repeat(50_000)) }));
    const layer = gzipSync(tar(...files));
    const { entries } = await indexOf(layer);
    const two = entries.find(({ path }) => path === 'two') as IndexEntry;
    expect(await buffer(readTarFile(stored(layer), two))).toEqual(files[1]?.body);
    const reader = new TarFileReader();
    const all = stored(layer);
    for (const entry of entries) reader.announce({ tar: all, entry });
    const read: string[] = [];
    // The last one is behind the others by then, and looked for anew.
    for (const name of ['one', 'three', 'two']) {
      const entry = entries.find(({ path }) => path === name) as IndexEntry;
      read.push(`${name} ${(await buffer(reader.read({ tar: all, entry }))).length}`);
    }
    await reader.close();
    expect(read).toEqual(['one 150000', 'three 250000', 'two 150000']);
  });

  it('reads no more of a layer than up to the file', async () => {
    const layer = tar({ name: 'first', body: Buffer.from('1') }, { name: 'big', body: Buffer.alloc(10_000_000) });
    const { entries } = await indexOf(layer);
    let readBytes = 0;
    const source = Readable.from(
      (function* () {
        for (let at = 0; at < layer.length; at += 65_536) {
          readBytes = at;
          yield layer.subarray(at, at + 65_536);
        }
      })(),
      { objectMode: false, highWaterMark: 65_536 },
    );
    await buffer(
      readTarFile(
        streamedTar(async () => source),
        entries[0] as IndexEntry,
      ),
    );
    expect(readBytes).toBeLessThan(1_000_000);
    expect(source.destroyed).toBe(true);
  });

  it.each([
    ['1.0', { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' }, mapBlock('2\n10\n3\n20\n2\n')],
    ['0.1', { 'GNU.sparse.map': '10,3,20,2', 'GNU.sparse.numblocks': '2' }, Buffer.alloc(0)],
  ])('fills the holes of a sparse file of format %s', async (_, pax, map) => {
    const body = Buffer.concat([map, Buffer.from('abcde')]);
    const stream = pack();
    const records = { ...pax, 'GNU.sparse.name': 'disk', 'GNU.sparse.realsize': '30', 'GNU.sparse.size': '30' };
    stream.entry({ name: 'GNUSparseFile.0/disk', pax: records }, body);
    stream.finalize();
    const layer = await buffer(stream as unknown as Readable);
    const { entries } = await indexOf(layer);
    expect(entries[0]).toMatchObject({ path: 'disk', sizeBytes: 30, storedBytes: body.length });
    const content = await buffer(readTarFile(stored(layer), entries[0] as IndexEntry));
    expect(content).toEqual(Buffer.from(`${'\0'.repeat(10)}abc${'\0'.repeat(7)}de${'\0'.repeat(8)}`));
  });

  it('says when stored bytes are no index', async () => {
    const read = async (bytes: Buffer): Promise<void> => {
      for await (const _ of readLayerIndex(Readable.from([bytes])));
    };
    await expect(read(Buffer.from('nothing'))).rejects.toMatchObject({ code: 'INVALID_INDEX' });
    await expect(read(gzipSync('["a","f"'))).rejects.toThrow('invalid layer index: it is cut');
    await expect(read(gzipSync('{}\n'))).rejects.toThrow('a line is no entry');
    await expect(read(gzipSync('["a","?"]\n'))).rejects.toThrow('unknown type ?');
  });
});

const stored = (bytes: Buffer) => streamedTar(async () => Readable.from([bytes]));

function mapBlock(text: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(text);
  return block;
}
