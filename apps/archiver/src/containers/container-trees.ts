import { admitBlobs, type ContentContext, containerEvent, type StoredObject } from '@entrepot/content';
import {
  ContainerNotFoundError,
  type ContainerRow,
  changeContainerEntries,
  getContainer,
  insertEvents,
  listContainerLayers,
  listContainers,
  lockContainer,
  markPrepared,
  pageContainerEntries,
  readInlineContents,
  type Tx,
} from '@entrepot/database';
import { bytesOfText, MergedTree, Pause, pathParts, WritableTree, type WrittenEntry } from '@entrepot/layers';
import type { Descriptor } from '@entrepot/oci';
import type { LayerTrees } from '../layer-trees.js';
import { entryOfRow, rowOfEntry } from './entry-rows.js';
import { ContainerPathError } from './errors.js';
import { initLayer } from './init-layer.js';
import { KeptTrees } from './kept-trees.js';
import { makeDirectories } from './make-directories.js';

/** Of what a container may change, in memory while it is open: some 600 000 entries. */
const maxTreeBytes = 60e6;

/** A container with what it shows. */
export interface OpenContainer {
  container: ContainerRow;
  /** The layers of its image, lowest first; in the tree below, `layer` of an entry is the place here. */
  layers: readonly Descriptor[];
  below: MergedTree;
  tree: WritableTree;
}

/** A change to a container's tree. */
export interface ContainerChange {
  /** Becomes blobs in the same transaction. */
  objects: readonly StoredObject[];
  /** Changes the tree; may be called again. */
  apply(opened: OpenContainer): void | Promise<void>;
  /** What `docker events` calls it. */
  action: string;
}

/** Opens containers, and changes them: each change is one transaction, and all see the ones before it. */
export class ContainerTrees {
  readonly #kept = new KeptTrees();

  constructor(
    private readonly content: ContentContext,
    private readonly trees: LayerTrees,
  ) {}

  /**
   * What is opened may be shared: whoever gets it only looks at it.
   *
   * @throws {ContainerNotFoundError} @throws what `LayerTrees.open` throws
   */
  async open(text: string): Promise<OpenContainer> {
    const { prisma } = this.content.database;
    const container = await getContainer(prisma, text);
    const known = this.#kept.get(container);
    if (known !== null) return { container, ...known };
    const below = await this.#below(container.id);
    if (!container.prepared) await this.#prepare(container.id, below);
    const tree = await readTree(prisma, container, below.below);
    if (container.prepared) this.#kept.keep(container, { ...below, tree });
    return { container, ...below, tree };
  }

  /**
   * As `open`, for who looks at the container's own layer alone: what is below is read only where that layer refers to
   * it, and is empty otherwise.
   */
  async openOwn(text: string): Promise<OpenContainer> {
    const { prisma } = this.content.database;
    const container = await getContainer(prisma, text);
    const known = this.#kept.get(container);
    if (known !== null) return { container, ...known };
    if (!container.prepared) return this.open(container.id);
    const below = new MergedTree();
    const [layers, tree] = await Promise.all([
      listContainerLayers(prisma, container.id),
      readTree(prisma, container, below),
    ]);
    return tree.refersBelow ? this.open(container.id) : { container, layers, below, tree };
  }

  /**
   * Changes what a container shows: all of it, or nothing. Two changes at once come one after the other.
   *
   * @throws {ContainerNotFoundError} it went
   */
  async change(
    { container: { id }, ...below }: OpenContainer,
    { objects, apply, action }: ContainerChange,
  ): Promise<void> {
    const { container, ...changed } = await this.content.database.transaction(async (tx) => {
      const container = await lockContainer(tx, id);
      if (container === null) throw new ContainerNotFoundError(id);
      const opened = { container, ...below, tree: await readTree(tx, container, below.below) };
      await apply(opened);
      await admitBlobs(tx, objects);
      await keep(tx, id, opened.tree);
      await insertEvents(tx, [containerEvent(container, action)]);
      return opened;
    });
    this.#kept.keep({ id, version: container.version + 1 }, changed);
  }

  async #below(id: string): Promise<Below> {
    const layers = await listContainerLayers(this.content.database.prisma, id);
    const digests = layers.map(({ digest }) => digest);
    return { layers, below: (await this.trees.open(digests, { top: initLayer, hashes: false })).tree };
  }

  /** Makes the working directory, as a daemon does when it creates a container. */
  async #prepare(id: string, below: Below): Promise<void> {
    await this.content.database.transaction(async (tx) => {
      const container = await lockContainer(tx, id);
      if (container === null || container.prepared) return;
      const tree = await readTree(tx, container, below.below);
      makeConfigured(tree, [String(container.config.WorkingDir ?? '')], Date.parse(container.createdAt));
      await keep(tx, id, tree);
      await markPrepared(tx, id);
    });
  }
}

/** Directories that a container's config names; where something else stands, it stays. */
export function makeConfigured(tree: WritableTree, paths: readonly string[], nowMs: number): void {
  for (const path of paths) {
    const clean = pathParts(path);
    if (clean.length === 0 || clean.includes('..')) continue;
    try {
      makeDirectories(tree, clean.join('/'), nowMs);
    } catch (error) {
      if (!(error instanceof ContainerPathError)) throw error;
    }
  }
}

/** All that a container has at one moment. @throws {ContainerNotFoundError} it went */
async function readTree(tx: Tx, { id, version }: ContainerRow, below: MergedTree): Promise<WritableTree> {
  const tree = new WritableTree(below, { maxBytes: maxTreeBytes });
  let pages = 0;
  for await (const rows of pageContainerEntries(tx, id)) {
    tree.load(rows.map(entryOfRow));
    pages += 1;
  }
  if (pages <= 1) return tree;
  // Between two pages somebody may have changed it; not where the caller has it locked.
  const [now] = await listContainers(tx, { ids: [id] });
  if (now === undefined) throw new ContainerNotFoundError(id);
  return now.version === version ? tree : readTree(tx, now, below);
}

type Below = Pick<OpenContainer, 'layers' | 'below'>;

async function keep(tx: Tx, id: string, tree: WritableTree): Promise<void> {
  const contents = await readKept(tx, id, tree.putEntries());
  await changeContainerEntries(tx, id, {
    dropped: mapped(tree.droppedPaths(), bytesOfText),
    put: mapped(tree.putEntries(), (entry) => rowOfEntry(withContent(entry, contents))),
    sizeBytes: tree.sizeBytes(),
  });
}

/** A name that is new for a file, or a file with another time, needs the bytes that an earlier row has. */
async function readKept(tx: Tx, id: string, entries: Iterable<WrittenEntry>): Promise<ReadonlyMap<string, Buffer>> {
  const kept: string[] = [];
  const pause = new Pause();
  for (const { content } of entries) {
    if (pause.isDue) await pause.take();
    if (content?.kind === 'kept') kept.push(content.path);
  }
  if (kept.length === 0) return new Map();
  const bytes = await readInlineContents(tx, id, kept.map(bytesOfText));
  return new Map(kept.map((path, index) => [path, bytes[index] ?? Buffer.alloc(0)]));
}

function withContent(entry: WrittenEntry, kept: ReadonlyMap<string, Buffer>): WrittenEntry {
  if (entry.content?.kind !== 'kept') return entry;
  return { ...entry, content: { kind: 'inline', bytes: kept.get(entry.content.path) ?? Buffer.alloc(0) } };
}

/** One at a time: all of them would take more room than the entries. */
function* mapped<T, R>(values: Iterable<T>, map: (value: T) => R): Generator<R> {
  for (const value of values) yield map(value);
}
