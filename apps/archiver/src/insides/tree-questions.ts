import { Readable } from 'node:stream';
import {
  compareTrees,
  type MergedTree,
  packTree,
  readTarFile,
  type TreeDifference,
  type TreeEntry,
} from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';
import { layerTar } from '../layer-tar.js';
import type { LayerTrees } from '../layer-trees.js';

/** An entry of a tree as it is answered; texts may hold lone surrogates for bytes that are no UTF-8. */
export interface EntryAnswer {
  path: string;
  name: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  modifiedAt: string;
  linkTarget: string | null;
  device: { major: number; minor: number } | null;
  xattrs: Record<string, string>;
  sha256: string | null;
  /** The layer it is from, 0 being the lowest; null for a directory that no layer describes. */
  layer: number | null;
}

/** What is asked about one path of a stack. */
export interface PathQuestion {
  layers: readonly Digest[];
  path: string;
}

/** One entry; symlinks on the way are followed, and the last one where `follow` says so. */
export async function statPath(
  trees: LayerTrees,
  { layers, path, follow }: PathQuestion & { follow: boolean },
  signal: AbortSignal,
): Promise<EntryAnswer> {
  const { tree } = await trees.open(layers, { signal });
  return answerOf(findEntry(tree, path, { keepLast: !follow }));
}

/** What is in a directory, from after a name on. */
export async function listPath(
  trees: LayerTrees,
  { layers, path, after, limit }: PathQuestion & { after: string | null; limit: number },
  signal: AbortSignal,
): Promise<{ entry: EntryAnswer; items: EntryAnswer[] }> {
  const { tree } = await trees.open(layers, { signal });
  const entry = findEntry(tree, path, {});
  const all = tree.list(entry.path);
  if (all === null) throw new PathError('NOT_A_DIRECTORY', path);
  const items = all.filter(({ name }) => after === null || name > after).slice(0, limit);
  return { entry: answerOf(entry), items: items.map(answerOf) };
}

/** The content of a file. The layer is read up to the file, and no other layer. */
export async function openPath(
  trees: LayerTrees,
  { layers, path }: PathQuestion,
  signal: AbortSignal,
): Promise<{ entry: EntryAnswer; content: Readable }> {
  const { tree } = await trees.open(layers, { signal });
  const found = findEntry(tree, path, {});
  if (found.entry.type !== 'file') throw new PathError('NOT_A_FILE', path);
  if (found.entry.sizeBytes === 0) return { entry: answerOf(found), content: Readable.from([]) };
  const content = readTarFile(layerTar(trees.content, layers[found.layer] as Digest), found.entry);
  return { entry: answerOf(found), content: Readable.from(content, { objectMode: false }) };
}

/** A tar of an entry and all below it, named from its own name on. */
export async function packPath(
  trees: LayerTrees,
  { layers, path }: PathQuestion,
  signal: AbortSignal,
): Promise<{ entry: EntryAnswer; content: Readable }> {
  const { tree } = await trees.open(layers, { signal });
  const found = findEntry(tree, path, { keepLast: true });
  const cut = found.path.length - found.name.length;
  const tar = packTree(() => tree.walk(found.path), {
    layerAt: (layer) => layerTar(trees.content, layers[layer] as Digest),
    nameOf: (entryPath) => (entryPath === '' ? '.' : entryPath.slice(cut)),
  });
  return { entry: answerOf(found), content: Readable.from(tar, { objectMode: false }) };
}

/** What two trees do not have alike. */
export interface Comparison {
  added: number;
  changed: number;
  deleted: number;
  /** Bytes of files that only the second has, or has otherwise; and of the first. */
  addedBytes: number;
  deletedBytes: number;
  items: { path: string; kind: string; what: string[]; before: EntryAnswer | null; after: EntryAnswer | null }[];
}

/** Compares two trees by file; lists differences after a path, and counts all of them. */
export async function compareStacks(
  trees: LayerTrees,
  question: { layers: readonly Digest[]; others: readonly Digest[]; after: string | null; limit: number },
  signal: AbortSignal,
): Promise<Comparison> {
  const { tree: first } = await trees.open(question.layers, { signal });
  const { tree: second } = await trees.open(question.others, { signal });
  const found: Comparison = { added: 0, changed: 0, deleted: 0, addedBytes: 0, deletedBytes: 0, items: [] };
  let isAfter = question.after === null;
  for (const difference of compareTrees(first, second)) {
    count(found, difference);
    const { path, kind, what, before, after } = difference;
    if (isAfter && found.items.length < question.limit) {
      found.items.push({ path, kind, what, before: before && answerOf(before), after: after && answerOf(after) });
    }
    if (path === question.after) isAfter = true;
  }
  return found;
}

function count(found: Comparison, { kind, what, before, after }: TreeDifference): void {
  found[kind] += 1;
  if (kind === 'changed' && !what.includes('content') && !what.includes('type')) return;
  found.addedBytes += after?.entry.sizeBytes ?? 0;
  found.deletedBytes += before?.entry.sizeBytes ?? 0;
}

/** @throws {PathError} nothing is there */
function findEntry(tree: MergedTree, path: string, options: { keepLast?: boolean }): TreeEntry {
  const found = tree.find(tree.resolve(path, options));
  if (found === null) throw new PathError('PATH_NOT_FOUND', path);
  return found;
}

function answerOf({ path, name, entry, layer }: TreeEntry): EntryAnswer {
  const { type, mode, uid, gid, sizeBytes, linkTarget, device, xattrs, sha256 } = entry;
  return {
    ...{ path, name, type, mode, uid, gid, sizeBytes, linkTarget, device, sha256 },
    modifiedAt: timeText(entry.mtimeMs),
    xattrs: { ...xattrs },
    layer: layer === -1 ? null : layer,
  };
}

/** Tars may say any time; JSON dates end somewhere. */
function timeText(ms: number): string {
  const farthest = 253_402_300_799_000;
  return new Date(Math.min(Math.max(ms, -62_135_596_800_000), farthest)).toISOString();
}

const pathReasons = {
  PATH_NOT_FOUND: 'no such file or directory',
  NOT_A_FILE: 'is not a file',
  NOT_A_DIRECTORY: 'is not a directory',
};

/** A path of an image that is not what was asked for. */
export class PathError extends Error {
  override readonly name = 'PathError';
  readonly retryable = false;

  constructor(
    readonly code: keyof typeof pathReasons,
    readonly path: string,
  ) {
    super(`${path === '' ? '/' : path}: ${pathReasons[code]}`);
  }
}
