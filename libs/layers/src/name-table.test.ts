import { NameTable, nothing, root } from './name-table.js';

describe('the table of names', () => {
  it('finds every name in its directory alone, whatever characters it has', () => {
    const table = new NameTable();
    const names = ['a', 'b', 'ä', '日本', '\udc80raw', 'x'.repeat(70_000), '日'.repeat(40_000), '', 'ab'];
    const dir = table.add(root, 'dir');
    const numbers = names.map((name) => table.add(dir, name));
    expect(new Set([dir, ...numbers]).size).toBe(names.length + 1);
    expect(names.map((name) => table.find(dir, name))).toEqual(numbers);
    expect(numbers.map((node) => table.nameOf(node))).toEqual(names);
    expect(table.find(root, 'a')).toBe(0);
    expect(table.find(dir, 'A')).toBe(0);
    expect(table.pathOf(numbers[3] as number)).toBe('dir/日本');
    expect(table.at('dir/日本')).toBe(numbers[3]);
    expect(table.at('dir/none')).toBe(nothing);
    expect(table.at('')).toBe(root);
  });

  it('keeps a hundred thousand names, forgets those that are removed, and gives no number twice', () => {
    const table = new NameTable();
    const kept = new Map<string, number>();
    for (let at = 0; at < 100_000; at++) {
      const name = `n${at % 60_000}`;
      const before = kept.get(name);
      expect(table.find(root, name)).toBe(before ?? 0);
      if (before !== undefined) table.remove(before);
      kept.set(name, table.add(root, name));
    }
    for (const [name, node] of kept) if (node % 3 === 0) table.remove(node);
    const left = [...kept].filter(([, node]) => node % 3 !== 0);
    expect(left.every(([name, node]) => table.find(root, name) === node)).toBe(true);
    expect([...table.children(root)].sort((a, b) => a - b)).toEqual(left.map(([, node]) => node).sort((a, b) => a - b));
    expect(table.find(root, 'n0')).toBe((kept.get('n0') as number) % 3 === 0 ? 0 : kept.get('n0'));
    expect(new Set(kept.values()).size).toBe(60_000);
    expect(table.usedBytes).toBeLessThan(100_000 * 60);
  });

  it('knows where a removed name was', () => {
    const table = new NameTable();
    const dir = table.add(root, 'dir');
    const file = table.add(dir, 'file');
    table.remove(file);
    table.remove(dir);
    expect([table.at('dir'), table.at('dir/file')]).toEqual([nothing, nothing]);
    expect(table.pathOf(file)).toBe('dir/file');
    expect(table.hasChildren(root)).toBe(false);
  });
});
