import { ByteSlab } from './byte-slab.js';
import type { IndexEntry } from './index-entry.js';
import { readEntry, readType, writeEntry } from './index-record.js';
import { RecordReader, RecordWriter } from './record-bytes.js';

const plain: IndexEntry = {
  ...{ path: 'a/b', type: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes: 7, mtimeMs: 1_700_000_000_123.5 },
  ...{ linkTarget: null, device: null, xattrs: {}, offsetBytes: 512, storedBytes: 7, sha256: null, sparse: null },
};
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('an entry as bytes', () => {
  it.each<[string, Partial<IndexEntry>]>([
    ['a plain file', {}],
    ['a file with its hash', { sha256: 'ab'.repeat(32) }],
    ['an empty file', { sha256: empty, sizeBytes: 0, storedBytes: 0 }],
    ['what is no hash', { sha256: 'AB' }],
    ['a symlink', { type: 'symlink', linkTarget: '../\udcff/日本' }],
    ['a symlink to nothing', { type: 'symlink', linkTarget: '' }],
    ['a device', { type: 'block-device', device: { major: 8, minor: 2 ** 40 } }],
    ['extended attributes', { xattrs: { 'security.capability': '\u0001\udc80', ___: 'x' } }],
    ['a sparse file', { storedBytes: 3, sparse: { pax: { 'GNU.sparse.major': '1' }, old: null } }],
    [
      'large numbers',
      { uid: 2 ** 53 - 1, gid: 2 ** 31, sizeBytes: 2 ** 45, storedBytes: 2 ** 45, offsetBytes: 2 ** 52 },
    ],
    ['numbers that are no whole ones', { uid: -1, mtimeMs: -5.25, gid: 1.5 }],
    ['a whiteout', { type: 'whiteout' }],
    ['an opaque directory', { type: 'opaque', path: '' }],
    ['a name beyond Latin-1', { path: 'дом/файл' }],
  ])('is read as it was written: %s', (_, change) => {
    const entry = { ...plain, ...change };
    const writer = new RecordWriter();
    const slab = new ByteSlab();
    for (const [withPath, withHash] of [
      [true, true],
      [false, true],
      [false, false],
    ] as const) {
      writeEntry(writer, entry, { withPath, withHash });
      const address = slab.add(writer.take());
      const reader = () => new RecordReader(slab.blockOf(address), slab.offsetOf(address));
      expect(readEntry(reader(), () => 'told')).toEqual({
        ...entry,
        path: withPath ? entry.path : 'told',
        sha256: withHash ? entry.sha256 : null,
      });
      expect(readType(reader())).toBe(entry.type);
    }
  });

  it('may be larger than a block of the slab', () => {
    const writer = new RecordWriter();
    const slab = new ByteSlab();
    const entries = [3, 3_000_000, 10, 1_048_576, 20].map((length) => ({ ...plain, linkTarget: 'y'.repeat(length) }));
    const addresses = entries.map((entry) => {
      writeEntry(writer, entry, { withPath: true, withHash: true });
      return slab.add(writer.take());
    });
    const read = addresses.map((at) => readEntry(new RecordReader(slab.blockOf(at), slab.offsetOf(at)), () => 'never'));
    expect(read).toEqual(entries);
  });
});
