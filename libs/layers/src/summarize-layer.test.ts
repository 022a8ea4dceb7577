import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import type { LayerEntry } from './layer-entry.js';
import { summarizeLayer } from './summarize-layer.js';

type Entry = Partial<Header> & { name: string; body?: string | Buffer };

/** A closed tar of these entries. */
async function tar(...entries: Entry[]): Promise<Buffer> {
  const stream = pack();
  for (const { body, ...header } of entries) {
    if (body === undefined) stream.entry(header).end(null);
    else stream.entry(header, body);
  }
  stream.finalize();
  return buffer(stream as unknown as Readable);
}

function stored(bytes: Buffer, pieceBytes = 65_536): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
    bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );
  return Readable.from(pieces, { objectMode: false });
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

const layer = () =>
  tar(
    { name: './', type: 'directory' },
    { name: './etc/', type: 'directory' },
    { name: './etc/passwd', body: 'root:x:0:0\n' },
    { name: './etc/passwd-', type: 'link', linkname: './etc/passwd' },
    { name: './etc/mtab', type: 'symlink', linkname: '/proc/mounts' },
    { name: './etc/.wh.shadow', body: '' },
    { name: './opt/.wh..wh..opq', body: '' },
    { name: './dev/null', type: 'character-device', devmajor: 1, devminor: 3 },
    { name: `./${'long-name-'.repeat(20)}`, body: 'x'.repeat(1000) },
  );

describe('summarizeLayer', () => {
  it.each([1, 100, 512, 65_536])('counts a layer as docker does, arriving in pieces of %i', async (size) => {
    const bytes = await layer();
    expect(await summarizeLayer(stored(bytes, size))).toEqual({
      compression: 'none',
      diffId: sha256(bytes),
      uncompressedBytes: bytes.length,
      contentBytes: 11 + '/proc/mounts'.length + 1000,
      entryCount: 9,
    });
  });

  it('finds the same behind gzip', async () => {
    const bytes = await layer();
    const { compression, diffId, contentBytes } = await summarizeLayer(stored(gzipSync(bytes)));
    expect({ compression, diffId, contentBytes }).toEqual({
      compression: 'gzip',
      diffId: sha256(bytes),
      contentBytes: 1023,
    });
  });

  it('hands out entries with safe paths, whiteouts and offsets', async () => {
    const bytes = await layer();
    const entries: LayerEntry[] = [];
    await summarizeLayer(stored(bytes), {}, { onEntry: (entry) => entries.push(entry) });
    expect(entries.map((entry) => entry.path).slice(0, 4)).toEqual(['', 'etc', 'etc/passwd', 'etc/passwd-']);
    expect(entries[5]?.whiteout).toEqual({ kind: 'whiteout', target: 'etc/shadow' });
    expect(entries[6]?.whiteout).toEqual({ kind: 'opaque', dir: 'opt' });
    const passwd = entries[2];
    expect(bytes.toString('latin1', passwd?.offsetBytes, (passwd?.offsetBytes ?? 0) + 11)).toBe('root:x:0:0\n');
  });

  it('hashes what follows the end of the tar, and does not read it', async () => {
    for (const padding of [0, 600, 9216]) {
      const bytes = Buffer.concat([await layer(), Buffer.alloc(padding), Buffer.from('trailing bytes'.repeat(100))]);
      const summary = await summarizeLayer(stored(bytes, 1000));
      expect(summary).toMatchObject({ diffId: sha256(bytes), uncompressedBytes: bytes.length, entryCount: 9 });
    }
  });

  it('accepts the empty layer of docker', async () => {
    const summary = await summarizeLayer(stored(Buffer.alloc(1024)));
    expect(summary).toMatchObject({
      diffId: 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
      contentBytes: 0,
      entryCount: 0,
    });
  });

  it('counts the holes of a sparse file', async () => {
    const sparse = {
      name: './GNUSparseFile.1/disk',
      pax: { 'GNU.sparse.name': 'disk', 'GNU.sparse.realsize': '1000000' },
    };
    const entries: LayerEntry[] = [];
    const summary = await summarizeLayer(
      stored(await tar({ ...sparse, body: 'map' })),
      {},
      { onEntry: (entry) => entries.push(entry) },
    );
    expect(summary.contentBytes).toBe(1_000_000);
    expect(entries[0]?.path).toBe('disk');
  });

  it('reads tars without any magic, from before ustar', async () => {
    const bytes = await tar({ name: 'old', body: 'x' });
    bytes.fill(0, 257, 265);
    const checksum = bytes.subarray(0, 512).reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
    bytes.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(await summarizeLayer(stored(bytes))).toMatchObject({ entryCount: 1, contentBytes: 1 });
  });

  it.each([
    ['../../etc/passwd', { name: '../../etc/passwd', body: 'x' }],
    ['a hard link out of the root', { name: 'a', type: 'link', linkname: '../../etc/passwd' }],
    ['a whiteout of nothing', { name: 'etc/.wh.', body: '' }],
  ] as [string, Entry][])('refuses %s', async (_, entry) => {
    await expect(summarizeLayer(stored(await tar({ name: 'ok', body: 'x' }, entry)))).rejects.toMatchObject({
      code: 'INVALID_LAYER',
      message: expect.stringContaining('unsafe path'),
    });
  });

  it.each([
    ['inside a body', 512 + 300],
    ['inside a header', 512 + 1024 + 100],
  ])('names the entry when a tar is cut %s', async (_, size) => {
    const bytes = await tar({ name: 'first', body: 'x'.repeat(1000) }, { name: 'second', body: 'y' });
    await expect(summarizeLayer(stored(bytes.subarray(0, size)))).rejects.toMatchObject({
      code: 'INVALID_LAYER',
      entry: 'first',
      message: 'invalid layer: tar ends unexpectedly (at entry first)',
    });
  });

  it('refuses what is no tar', async () => {
    await expect(summarizeLayer(stored(Buffer.alloc(5000, 'no tar at all')))).rejects.toThrow(
      'invalid layer: invalid tar header',
    );
  });

  it('refuses a cut gzip and destroys its source', async () => {
    const source = stored(gzipSync(await layer()).subarray(0, -30));
    await expect(summarizeLayer(source)).rejects.toThrow('invalid layer: corrupt gzip stream: unexpected end of file');
    expect(source.destroyed).toBe(true);
  });

  it('passes a failure of the store on untouched', async () => {
    const failing = Readable.from(
      (async function* () {
        yield await layer().then((bytes) => bytes.subarray(0, 3000));
        throw new Error('store is away');
      })(),
      { objectMode: false },
    );
    await expect(summarizeLayer(failing)).rejects.toThrow(/^store is away$/);
  });

  it.each([
    [{ maxEntries: 3 }, 'more than 3 entries (at entry ./etc/passwd-)'],
    [{ maxNameBytes: 100 }, 'name is longer than 100 bytes (at entry ./long-name-'],
    [{ maxPaxBytes: 10 }, 'PAX header is larger than 10 bytes (at entry ./long-name-'],
    [{ maxBytes: 4000 }, 'unpacks to more than 4000 bytes (at entry ./etc/.wh.shadow)'],
  ])('stops at a limit: %j', async (limits, message) => {
    await expect(summarizeLayer(stored(await layer(), 500), limits)).rejects.toMatchObject({
      code: 'LAYER_TOO_LARGE',
      message: expect.stringContaining(message),
    });
  });

  it('stops a bomb soon after it turns out to be one', async () => {
    const bomb = gzipSync(await tar({ name: 'zeros', body: Buffer.alloc(20_000_000) }));
    await expect(summarizeLayer(stored(bomb, 1000), { ratioFromBytes: 1_000_000 })).rejects.toThrow(
      'unpacks to more than 200 times its size (at entry zeros)',
    );
    await expect(summarizeLayer(stored(bomb))).resolves.toMatchObject({ contentBytes: 20_000_000 });
  });

  it('refuses a PAX header of megabytes before holding it', async () => {
    const bytes = await tar({ name: 'x', pax: { comment: 'c'.repeat(5_000_000) }, body: 'x' });
    await expect(summarizeLayer(stored(bytes))).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' });
  });
});
