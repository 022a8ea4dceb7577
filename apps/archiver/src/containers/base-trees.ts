import { type ContentContext, openLayerIndex } from '@entrepot/content';
import { layerAnalysedTopic, wantLayers } from '@entrepot/database';
import { analyseLayerNow, type JobQueue } from '@entrepot/jobs';
import { type IndexEntry, MergedTree, readLayerIndex } from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';

const maxCachedEntries = 250_000;
const lookAnywayMs = 2_000;

/** What a layer stands on: the tree of an image, and perhaps a layer over it that no image has. */
export interface BaseTree {
  tree: MergedTree;
  entries: number;
}

/** The trees of images, the ones used last kept in memory: layers never change, so neither do these. */
export class BaseTrees {
  readonly #trees = new Map<string, Promise<BaseTree>>();

  constructor(
    private readonly content: ContentContext,
    private readonly queue: JobQueue,
    private readonly topmost?: (tree: MergedTree) => Iterable<IndexEntry>,
  ) {}

  /**
   * The tree of a stack of layers, the lowest first. Waits for those that nobody has looked into.
   *
   * @throws {LayerUnusableError} one cannot be read
   */
  async get(layers: readonly Digest[]): Promise<MergedTree> {
    const key = layers.join(' ');
    const known = this.#trees.get(key) ?? this.#load(layers);
    // Put at the end, as the one used last.
    this.#trees.delete(key);
    this.#trees.set(key, known);
    try {
      const { tree } = await known;
      await this.#evict();
      return tree;
    } catch (error) {
      this.#trees.delete(key);
      throw error;
    }
  }

  async #load(layers: readonly Digest[]): Promise<BaseTree> {
    await this.#untilAnalysed([...new Set(layers)]);
    const tree = new MergedTree();
    let entries = 0;
    const counted = async function* (index: AsyncIterable<IndexEntry>): AsyncGenerator<IndexEntry> {
      for await (const entry of index) {
        entries += 1;
        yield entry;
      }
    };
    for (const layer of layers) await tree.add(counted(readLayerIndex(openLayerIndex(this.content, layer))));
    if (this.topmost) await tree.add(this.topmost(tree));
    return { tree, entries };
  }

  async #untilAnalysed(layers: readonly Digest[]): Promise<void> {
    const { prisma, signals } = this.content.database;
    const watch = signals.watch(layerAnalysedTopic);
    try {
      for (let isFirst = true; ; isFirst = false) {
        const states = await wantLayers(prisma, layers);
        const broken = states.find(({ error }) => error !== null);
        if (broken) throw new LayerUnusableError(broken.digest, broken.error ?? '');
        const waiting = states.filter(({ analysed }) => !analysed).map(({ digest }) => ({ digest }));
        if (waiting.length === 0) return;
        if (isFirst) await this.queue.enqueueMany(analyseLayerNow, waiting);
        await watch.wait({ timeoutMs: lookAnywayMs });
      }
    } finally {
      watch.close();
    }
  }

  /** The one used last stays, however large. */
  async #evict(): Promise<void> {
    const sizes = await Promise.all(
      [...this.#trees].map(async ([key, tree]) => ({ key, entries: (await tree.catch(() => null))?.entries ?? 0 })),
    );
    let total = sizes.reduce((sum, { entries }) => sum + entries, 0);
    for (const { key, entries } of sizes.slice(0, -1)) {
      if (total <= maxCachedEntries) return;
      this.#trees.delete(key);
      total -= entries;
    }
  }
}

/** A layer of the image cannot be looked into. */
export class LayerUnusableError extends Error {
  override readonly name = 'LayerUnusableError';
  readonly code = 'LAYER_UNUSABLE' as const;
  readonly retryable = false;

  constructor(
    readonly digest: Digest,
    reason: string,
  ) {
    super(`layer ${digest} cannot be read: ${reason}`);
  }
}
