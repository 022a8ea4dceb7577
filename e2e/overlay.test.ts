// Random stacks of layers: what our merged view shows against what umoci unpacks of the same image.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { type IndexEntry, MergedTree, summarizeLayer } from '@entrepot/layers';
import { type BuiltImage, buildImage, describeWith, type LayerEntry } from '@entrepot/testing';

const run = promisify(execFile);
const stacks = 25;

describeWith('umoci', 'the merged view of a random stack', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-overlay-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(`is what umoci unpacks, ${stacks} times`, async () => {
    for (let seed = 1; seed <= stacks; seed++) {
      const layers = randomStack(seed);
      const image = await buildImage({ layers, format: 'oci' });
      const expected = await unpacked(image, join(folder, String(seed)));
      expect({ seed, tree: await merged(image) }).toEqual({ seed, tree: expected });
    }
  }, 300_000);
});

/** One line for each name: type, mode, content or target, and which other name is the same file. */
async function merged(image: BuiltImage): Promise<string[]> {
  const tree = new MergedTree();
  for (const { bytes } of image.layers) {
    const entries: IndexEntry[] = [];
    await summarizeLayer(Readable.from([bytes]), {}, { onIndexed: (entry) => void entries.push(entry) });
    await tree.add(entries);
  }
  const first = new Map<number, string>();
  return [...tree.walk()].slice(1).map(({ path, entry, inode, layer }) => {
    const same = first.get(inode) ?? path;
    first.set(inode, same);
    // A directory that no layer describes has the mode that its reader chooses.
    const mode = layer === -1 ? 'any' : (entry.mode & 0o7777).toString(8);
    switch (entry.type) {
      case 'directory':
        return `${path} directory ${mode}`;
      case 'symlink':
        return `${path} symlink ${entry.linkTarget}`;
      default:
        return `${path} ${entry.type} ${mode} ${entry.sha256} ${same}`;
    }
  });
}

async function unpacked(image: BuiltImage, at: string): Promise<string[]> {
  const blobs = join(at, 'layout', 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const files = [{ digest: image.digest, bytes: image.bytes }, ...image.blobs];
  for (const { digest, bytes } of files) await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
  await writeFile(join(at, 'layout', 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const manifest = {
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.bytes.length,
    annotations: { 'org.opencontainers.image.ref.name': 'x' },
  };
  await writeFile(join(at, 'layout', 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  await run('umoci', ['raw', 'unpack', '--image', `${join(at, 'layout')}:x`, join(at, 'root')]);
  const described = new Set(await describedDirectories(image));
  return await describeTree(join(at, 'root'), '', described, new Map());
}

async function describedDirectories(image: BuiltImage): Promise<string[]> {
  const tree = new MergedTree();
  for (const { bytes } of image.layers) {
    const entries: IndexEntry[] = [];
    await summarizeLayer(Readable.from([bytes]), {}, { onIndexed: (entry) => void entries.push(entry) });
    await tree.add(entries);
  }
  return [...tree.walk()].filter(({ layer }) => layer !== -1).map(({ path }) => path);
}

async function describeTree(
  root: string,
  dir: string,
  described: Set<string>,
  first: Map<number, string>,
): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(join(root, dir))).sort()) {
    const path = dir === '' ? name : `${dir}/${name}`;
    const stat = await lstat(join(root, path));
    const mode = described.has(path) ? (stat.mode & 0o7777).toString(8) : 'any';
    if (stat.isDirectory()) {
      lines.push(`${path} directory ${mode}`, ...(await describeTree(root, path, described, first)));
    } else if (stat.isSymbolicLink()) {
      lines.push(`${path} symlink ${await readlink(join(root, path))}`);
    } else {
      const same = first.get(stat.ino) ?? path;
      first.set(stat.ino, same);
      const sha256 = createHash('sha256')
        .update(await readFile(join(root, path)))
        .digest('hex');
      lines.push(`${path} file ${mode} ${sha256} ${same}`);
    }
  }
  return lines;
}

/** Three to six layers over few names, so that they meet: every kind of entry, whiteout and opaque directory. */
function randomStack(seed: number): LayerEntry[][] {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  // Folders and leaves have names of their own: nothing is below a symlink, where unpackers differ.
  const folders = ['a', 'b', 'a/c', 'a/c/d', 'b/e'];
  const inFolder = (name: string): string => `${pick(folders)}/${name}`;
  const files = new Set<string>();
  return Array.from({ length: 3 + next(4) }, (_, layer) => {
    const used = new Set<string>();
    const entries: LayerEntry[] = [];
    for (let count = 4 + next(10); count > 0; count--) {
      const made = entryOf(layer);
      // Within one layer each name comes once and is not hidden: there unpackers disagree about the order.
      const name = made.name.replace(/\/$/, '').replace(/\.wh\.(\.wh\.\.opq)?/, '');
      if ([...used].some((it) => it === name || it.startsWith(`${name}/`) || name.startsWith(`${it}/`))) {
        if (made.type !== 'directory' || used.has(name)) continue;
      }
      used.add(name);
      entries.push(made);
    }
    return entries;

    function entryOf(at: number): LayerEntry {
      const content = `${at}-${next(1000)}`;
      switch (next(8)) {
        case 0:
        case 1:
          return { name: `${pick(folders)}/`, type: 'directory', mode: pick([0o755, 0o700, 0o1777]) };
        case 2:
          return { name: inFolder('link'), type: 'symlink', linkname: pick(['x', '../y', '/nowhere']) };
        case 3:
          return { name: inFolder(`.wh.${pick(['x', 'y', 'z', 'link'])}`) };
        case 4:
          return { name: `.wh.${pick(['a', 'b'])}` };
        case 5:
          return { name: `${pick(folders)}/.wh..wh..opq` };
        default: {
          const name = inFolder(pick(['x', 'y', 'z']));
          files.add(name);
          return { name, content, mode: pick([0o644, 0o4755]) };
        }
      }
    }
  });
}

/** The same numbers on every run. */
function random(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
