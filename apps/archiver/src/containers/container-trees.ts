import { admitBlobs, type ContentContext, containerEvent, type StoredObject } from '@entrepot/content';
import {
  type ContainerEntryRow,
  ContainerNotFoundError,
  type ContainerRow,
  changeContainerEntries,
  getContainer,
  insertEvents,
  listContainerEntries,
  listContainerLayers,
  lockContainer,
  markPrepared,
  readInlineContents,
  type Tx,
} from '@entrepot/database';
import { bytesOfText, MergedTree, pathParts, WritableTree, type WrittenEntry } from '@entrepot/layers';
import type { Descriptor } from '@entrepot/oci';
import type { LayerTrees } from '../layer-trees.js';
import { entryOfRow, rowOfEntry } from './entry-rows.js';
import { ContainerPathError } from './errors.js';
import { initLayer } from './init-layer.js';
import { makeDirectories } from './make-directories.js';

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
  apply(opened: OpenContainer): void;
  /** What `docker events` calls it. */
  action: string;
}

/** Opens containers, and changes them: each change is one transaction, and all see the ones before it. */
export class ContainerTrees {
  constructor(
    private readonly content: ContentContext,
    private readonly trees: LayerTrees,
  ) {}

  /** @throws {ContainerNotFoundError} @throws what `LayerTrees.open` throws */
  async open(text: string): Promise<OpenContainer> {
    const { prisma } = this.content.database;
    const container = await getContainer(prisma, text);
    if (!container.prepared) await this.#prepare(container.id, await this.#below(container.id));
    const [below, rows] = await Promise.all([this.#below(container.id), listContainerEntries(prisma, container.id)]);
    return assemble(container, below, rows);
  }

  /**
   * As `open`, for who looks at the container's own layer alone: what is below is read only where that layer refers to
   * it, and is empty otherwise.
   */
  async openOwn(text: string): Promise<OpenContainer> {
    const { prisma } = this.content.database;
    const container = await getContainer(prisma, text);
    if (!container.prepared) return this.open(container.id);
    const [layers, rows] = await Promise.all([
      listContainerLayers(prisma, container.id),
      listContainerEntries(prisma, container.id),
    ]);
    const refersBelow = rows.some(({ belowPath, opaque }) => belowPath !== null || opaque);
    const { below } = refersBelow ? await this.#below(container.id) : { below: new MergedTree() };
    return assemble(container, { layers, below }, rows);
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
    await this.content.database.transaction(async (tx) => {
      const container = await lockContainer(tx, id);
      if (container === null) throw new ContainerNotFoundError(id);
      const opened = assemble(container, below, await listContainerEntries(tx, id));
      apply(opened);
      await admitBlobs(tx, objects);
      await keep(tx, id, opened.tree);
      await insertEvents(tx, [containerEvent(container, action)]);
    });
  }

  async #below(id: string): Promise<Below> {
    const layers = await listContainerLayers(this.content.database.prisma, id);
    const digests = layers.map(({ digest }) => digest);
    return { layers, below: (await this.trees.open(digests, { top: initLayer })).tree };
  }

  /** Makes the working directory, as a daemon does when it creates a container. */
  async #prepare(id: string, below: Below): Promise<void> {
    await this.content.database.transaction(async (tx) => {
      const container = await lockContainer(tx, id);
      if (container === null || container.prepared) return;
      const { tree } = assemble(container, below, await listContainerEntries(tx, id));
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

function assemble(
  container: ContainerRow,
  { layers, below }: Below,
  rows: readonly ContainerEntryRow[],
): OpenContainer {
  return { container, layers, below, tree: new WritableTree(below, rows.map(entryOfRow)) };
}

type Below = Pick<OpenContainer, 'layers' | 'below'>;

async function keep(tx: Tx, id: string, tree: WritableTree): Promise<void> {
  const { put, dropped } = tree.touched();
  const rows = await withContents(tx, id, put);
  await changeContainerEntries(tx, id, {
    dropped: dropped.map(bytesOfText),
    put: rowsOf(rows),
    sizeBytes: tree.sizeBytes(),
  });
}

/** One at a time: all of them would take more room than the entries. */
function* rowsOf(entries: readonly WrittenEntry[]): Generator<ContainerEntryRow> {
  for (const entry of entries) yield rowOfEntry(entry);
}

/** A name that is new for a file, or a file with another time, needs the bytes that an earlier row has. */
async function withContents(tx: Tx, id: string, entries: readonly WrittenEntry[]): Promise<WrittenEntry[]> {
  const kept = entries.flatMap(({ content }) => (content?.kind === 'kept' ? content.path : []));
  if (kept.length === 0) return [...entries];
  const bytes = await readInlineContents(tx, id, kept.map(bytesOfText));
  const contents = new Map(kept.map((path, index) => [path, bytes[index] ?? Buffer.alloc(0)]));
  return entries.map((entry) =>
    entry.content?.kind === 'kept'
      ? { ...entry, content: { kind: 'inline', bytes: contents.get(entry.content.path) ?? Buffer.alloc(0) } }
      : entry,
  );
}
