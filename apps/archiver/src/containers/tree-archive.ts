import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ContentContext, leaseBlobs, releaseLeases, renewLeases } from '@entrepot/content';
import {
  contentTurn,
  inReadingOrder,
  type LayerItem,
  type MergedFile,
  opaqueItem,
  Pause,
  type Turn,
  whiteoutItem,
  writeLayer,
} from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';
import type { OpenContainer } from './container-trees.js';
import { ContentReader, type ContentSource, sourceOf } from './content-reader.js';

/** An entry of a tar to write, and where its bytes come from. */
interface ArchiveItem extends Omit<LayerItem, 'content'> {
  source: ContentSource | null;
}

/** The entries of a tar, made anew each time: a large tree has no room for all of them. */
type ArchiveItems = () => Iterable<ArchiveItem>;

const leaseMs = 5 * 60_000;
/** So many entries are looked at together, for what small contents they have. */
const itemsAtOnce = 200;

/**
 * Files of a container as a tar, under the names that `nameOf` gives them; several names of one file are hard links.
 * What goes wrong before the first bytes is thrown, so that it can still be answered.
 */
export async function archiveFiles(
  content: ContentContext,
  opened: OpenContainer,
  files: () => Iterable<MergedFile>,
  nameOf: (path: string) => string,
): Promise<Readable> {
  const tar = writeFiles(content, opened, files, nameOf);
  const first = await tar.next();
  const rest = async function* (): AsyncGenerator<Buffer> {
    if (!first.done) yield first.value;
    yield* tar;
  };
  const stream = Readable.from(rest(), { objectMode: false });
  // One that is closed before anybody has read of it never asks for the rest.
  stream.once('close', () => void tar.return(undefined).catch(() => {}));
  return stream;
}

async function* writeFiles(
  content: ContentContext,
  opened: OpenContainer,
  files: () => Iterable<MergedFile>,
  nameOf: (path: string) => string,
): AsyncGenerator<Buffer> {
  const items = function* (): Generator<ArchiveItem> {
    const names = new Map<string, string>();
    for (const file of files()) yield itemOf(opened, file, nameOf(file.path), names);
  };
  const owner = `read:${randomUUID()}`;
  try {
    yield* writeItems(content, opened, items, owner);
  } finally {
    await releaseLeases(content, owner);
  }
}

/**
 * A container's own layer as the tar of an image's layer: what is new, whiteouts for what is gone. `owner` leases what
 * is read, and lets go of it.
 */
export function archiveOwnLayer(content: ContentContext, opened: OpenContainer, owner: string): AsyncGenerator<Buffer> {
  return writeItems(content, opened, () => ownItems(opened), owner);
}

function* ownItems(opened: OpenContainer): Generator<ArchiveItem> {
  const names = new Map<string, string>();
  for (const { path, type, opaque, mtimeMs } of opened.tree.entries()) {
    if (path === '') continue;
    if (type === 'whiteout') {
      yield { ...whiteoutItem(path, mtimeMs), source: null };
      continue;
    }
    const file = opened.tree.find(path);
    if (file !== null) yield itemOf(opened, file, path, names);
    if (opaque) yield { ...opaqueItem(path, mtimeMs), source: null };
  }
}

function itemOf(opened: OpenContainer, file: MergedFile, name: string, names: Map<string, string>): ArchiveItem {
  const { type, inode } = file;
  const item: ArchiveItem = {
    path: name,
    type,
    mode: file.mode,
    uid: file.uid,
    gid: file.gid,
    mtimeMs: timeOf(opened, file),
    xattrs: file.xattrs,
    sizeBytes: file.sizeBytes,
    linkTarget: file.linkTarget,
    device: file.device,
    source: null,
  };
  const first = file.isShared ? names.get(inode) : undefined;
  if (first !== undefined) {
    return { ...item, type: 'link', linkTarget: first, xattrs: {}, sizeBytes: 0, device: null };
  }
  if (file.isShared) names.set(inode, name);
  item.source = sourceOf(opened, file);
  return item;
}

/** What a daemon adds to every container is as old as the container. */
export function timeOf({ layers, container }: OpenContainer, { from, mtimeMs }: MergedFile): number {
  return 'below' in from && from.below.layer === layers.length ? Date.parse(container.createdAt) : mtimeMs;
}

async function* writeItems(
  content: ContentContext,
  opened: OpenContainer,
  items: ArchiveItems,
  owner: string,
): AsyncGenerator<Buffer> {
  const reader = new ContentReader(content, opened);
  const { digests, isSorted } = await announceAll(opened, items, reader);
  const { leased } = await leaseBlobs(content, owner, digests, leaseMs);
  reader.know(leased);
  const renewal = setInterval(() => void renewLeases(content, owner, leaseMs).catch(() => {}), leaseMs / 4);
  try {
    // Layers are mostly sorted as a walk is.
    yield* writeLayer(withContents(isSorted ? items() : inReadingOrder(items, turnOf), reader));
  } finally {
    clearInterval(renewal);
    await reader.close();
  }
}

/** What is to be read must stay, whoever removes the container meanwhile; and a layer is read from its beginning. */
async function announceAll(
  { layers }: OpenContainer,
  items: ArchiveItems,
  reader: ContentReader,
): Promise<{ digests: Digest[]; isSorted: boolean }> {
  const digests = new Set<Digest>();
  const reached = new Map<number, number>();
  const pause = new Pause();
  let isSorted = true;
  for (const { source } of items()) {
    if (pause.isDue) await pause.take();
    if (source === null) continue;
    reader.announce(source);
    if (source.kind === 'blob') digests.add(source.digest);
    if (source.kind !== 'layer') continue;
    const layer = layers[source.layer];
    if (layer !== undefined) digests.add(layer.digest);
    if (source.entry.offsetBytes <= (reached.get(source.layer) ?? -1)) isSorted = false;
    reached.set(source.layer, source.entry.offsetBytes);
  }
  return { digests: [...digests], isSorted };
}

async function* withContents(
  items: Iterable<ArchiveItem> | AsyncIterable<ArchiveItem>,
  reader: ContentReader,
): AsyncGenerator<LayerItem> {
  const pause = new Pause();
  for await (const some of inGroups(items)) {
    if (pause.isDue) await pause.take();
    await reader.prepare(some.flatMap(({ source }) => source ?? []));
    for (const { source, ...item } of some) {
      yield source === null ? item : { ...item, content: () => reader.read(source) };
    }
  }
}

async function* inGroups(items: Iterable<ArchiveItem> | AsyncIterable<ArchiveItem>): AsyncGenerator<ArchiveItem[]> {
  let group: ArchiveItem[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < itemsAtOnce) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function turnOf({ type, source }: ArchiveItem): Turn {
  if (source?.kind === 'layer') return contentTurn(source.layer, source.entry.offsetBytes);
  return type === 'link' ? 'last' : 'first';
}
