import { randomUUID } from 'node:crypto';
import { type ContentContext, leaseBlobs, releaseLeases, renewLeases } from '@entrepot/content';
import { type LayerItem, type MergedFile, opaqueItem, whiteoutItem, writeLayer } from '@entrepot/layers';
import type { OpenContainer } from './container-trees.js';
import { ContentReader, type ContentSource, sourceOf } from './content-reader.js';

/** An entry of a tar to write, and where its bytes come from. */
interface ArchiveItem extends Omit<LayerItem, 'content'> {
  source: ContentSource | null;
}

const leaseMs = 5 * 60_000;

/** Files of a container as a tar, under the names that `nameOf` gives them; several names of one file are hard links. */
export function archiveFiles(
  content: ContentContext,
  opened: OpenContainer,
  files: Iterable<MergedFile>,
  nameOf: (path: string) => string,
): AsyncGenerator<Buffer> {
  const names = new Map<string, string>();
  const items: ArchiveItem[] = [];
  for (const file of files) items.push(itemOf(opened, file, nameOf(file.path), names));
  return writeReleased(content, opened, items);
}

/**
 * A container's own layer as the tar of an image's layer: what is new, whiteouts for what is gone. `owner` leases what
 * is read, and lets go of it.
 */
export function archiveOwnLayer(content: ContentContext, opened: OpenContainer, owner: string): AsyncGenerator<Buffer> {
  const names = new Map<string, string>();
  const items: ArchiveItem[] = [];
  for (const { path, type, opaque, mtimeMs } of opened.tree.entries()) {
    if (path === '') continue;
    if (type === 'whiteout') {
      items.push({ ...whiteoutItem(path, mtimeMs), source: null });
      continue;
    }
    const file = opened.tree.find(path);
    if (file !== null) items.push(itemOf(opened, file, path, names));
    if (opaque) items.push({ ...opaqueItem(path, mtimeMs), source: null });
  }
  return writeItems(content, opened, items, owner);
}

function itemOf(opened: OpenContainer, file: MergedFile, name: string, names: Map<string, string>): ArchiveItem {
  const { type, mode, uid, gid, sizeBytes, linkTarget, device, xattrs, inode } = file;
  const plain = { path: name, mode, uid, gid, mtimeMs: timeOf(opened, file), xattrs };
  const first = type === 'directory' ? undefined : names.get(inode);
  if (first !== undefined) return { ...plain, type: 'link', linkTarget: first, xattrs: {}, source: null };
  if (type !== 'directory') names.set(inode, name);
  return { ...plain, type, sizeBytes, linkTarget, device, source: sourceOf(opened, file) };
}

/** What a daemon adds to every container is as old as the container. */
export function timeOf({ layers, container }: OpenContainer, { from, mtimeMs }: MergedFile): number {
  return 'below' in from && from.below.layer === layers.length ? Date.parse(container.createdAt) : mtimeMs;
}

async function* writeReleased(
  content: ContentContext,
  opened: OpenContainer,
  items: readonly ArchiveItem[],
): AsyncGenerator<Buffer> {
  const owner = `read:${randomUUID()}`;
  try {
    yield* writeItems(content, opened, items, owner);
  } finally {
    await releaseLeases(content, owner);
  }
}

async function* writeItems(
  content: ContentContext,
  opened: OpenContainer,
  items: readonly ArchiveItem[],
  owner: string,
): AsyncGenerator<Buffer> {
  const ordered = inReadableOrder(items);
  const sources = ordered.flatMap(({ source }) => source ?? []);
  await leaseBlobs(content, owner, digestsOf(opened, sources), leaseMs);
  const renewal = setInterval(() => void renewLeases(content, owner, leaseMs).catch(() => {}), leaseMs / 4);
  const reader = new ContentReader(content, opened, sources);
  try {
    yield* writeLayer(
      ordered.map(({ source, ...item }) => (source ? { ...item, content: () => reader.read(source) } : item)),
    );
  } finally {
    clearInterval(renewal);
    await reader.close();
  }
}

/** What is read must stay, whoever removes the container meanwhile. */
function digestsOf({ layers }: OpenContainer, sources: readonly ContentSource[]) {
  const digests = sources.flatMap((source) => {
    if (source.kind === 'blob') return source.digest;
    return source.kind === 'layer' ? (layers[source.layer]?.digest ?? []) : [];
  });
  return [...new Set(digests)];
}

/**
 * A layer is read from its beginning, so its files must come in its order. Layers are mostly sorted as a walk is; where
 * one is not, files come layer by layer instead, after the directories and before the hard links to them.
 */
function inReadableOrder(items: readonly ArchiveItem[]): readonly ArchiveItem[] {
  const reached = new Map<number, number>();
  const isSorted = items.every(({ source }) => {
    if (source?.kind !== 'layer') return true;
    const before = reached.get(source.layer) ?? -1;
    reached.set(source.layer, source.entry.offsetBytes);
    return source.entry.offsetBytes > before;
  });
  if (isSorted) return items;
  const inLayers = items.filter(({ source }) => source?.kind === 'layer');
  const place = ({ source }: ArchiveItem): [number, number] =>
    source?.kind === 'layer' ? [source.layer, source.entry.offsetBytes] : [0, 0];
  inLayers.sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
  const links = items.filter(({ type }) => type === 'link');
  const others = items.filter(({ source, type }) => source?.kind !== 'layer' && type !== 'link');
  return [...others, ...inLayers, ...links];
}
