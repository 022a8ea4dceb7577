import { Greatest } from './greatest.js';
import { type IndexEntry, indexEntry } from './index-entry.js';
import { measureWaste } from './waste.js';

type Line = [path: string, type: IndexEntry['type'], sizeBytes?: number, content?: string];

describe('the waste of layers', () => {
  const layer = (...lines: Line[]): IndexEntry[] =>
    lines.map(([path, type, sizeBytes = 0, content]) => ({
      ...{ path, type, mode: 0o644, uid: 0, gid: 0, sizeBytes, mtimeMs: 0, linkTarget: null, device: null, xattrs: {} },
      ...{ offsetBytes: 0, storedBytes: sizeBytes, sparse: null },
      sha256: content === undefined ? null : content.padStart(64, '0'),
    }));

  it('is every byte of a path that two layers have', async () => {
    const report = await measureWaste([layer(['a', 'file', 10], ['b', 'file', 5]), layer(['a', 'file', 7])], {
      limit: 9,
    });
    expect(report).toMatchObject({ wastedBytes: 17, sizeBytes: 22, userBytes: 7, efficiency: 12 / 22 });
    expect(report.paths).toEqual([{ path: 'a', layers: 2, wastedBytes: 17 }]);
  });

  it('counts a removed directory with what it had, and one in it with its part', async () => {
    const base = layer(['d/e/f', 'file', 3], ['d/g', 'file', 4], ['d-e', 'file', 100], ['d/e/h', 'file', 6e9]);
    const removal = layer(['d/e', 'whiteout'], ['d', 'whiteout'], ['nothing', 'whiteout']);
    const { paths, sizeBytes } = await measureWaste([base, removal, layer(['d', 'file', 1], ['d/e', 'file', 2])], {
      limit: 9,
    });
    // The second layer has something below `d`, so there `d` itself does not count.
    expect(paths).toEqual([{ path: 'd/e', layers: 2, wastedBytes: 6e9 + 3 + 2 }]);
    expect(sizeBytes).toBe(6e9 + 107 + 2);
  });

  it('lists the same content once, with some of its paths, and hard links not at all', async () => {
    const files = Array.from({ length: 7 }, (_, n): Line => [`copy${n}`, 'file', 8, 'abc']);
    const link = { ...(layer(['link', 'link'])[0] as IndexEntry), linkTarget: 'one' };
    const stack = [[...layer(...files, ['one', 'file', 50, 'def'], ['empty', 'file', 0, '']), link]];
    const report = await measureWaste(stack, { limit: 9 });
    expect(report.duplicateBytes).toBe(48);
    expect(report.duplicates).toEqual([
      {
        sha256: 'abc'.padStart(64, '0'),
        sizeBytes: 8,
        copies: 7,
        wastedBytes: 48,
        paths: ['copy0', 'copy1', 'copy2', 'copy3', 'copy4'],
      },
    ]);
  });

  it('is refused where it would take too much memory, with the entry that was too much', async () => {
    const names = Array.from({ length: 1_000 }, (_, n): Line => [`file${n}`, 'file', 1]);
    const measured = measureWaste([layer(...names)], { limit: 1, maxBytes: 30_000 });
    await expect(measured).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE', entry: expect.stringMatching(/^file\d/) });
  });
});

describe('the greatest items', () => {
  it.each([1, 3, 400])('are the same as of a whole list, %i of them', (limit) => {
    const items = Array.from({ length: 2_000 }, (_, n) => ({
      key: String((n * 7) % 2_000),
      wastedBytes: (n * 31) % 97,
    }));
    const greatest = new Greatest<(typeof items)[number]>(limit, ({ key }) => key);
    for (const item of items) if (greatest.wants(item.wastedBytes)) greatest.add(item);
    const sorted = [...items].sort((a, b) => b.wastedBytes - a.wastedBytes || (a.key < b.key ? -1 : 1));
    expect(greatest.take()).toEqual(sorted.slice(0, limit));
  });
});
