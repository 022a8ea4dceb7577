import { type ContentContext, openLayerIndex } from '@entrepot/content';
import { layerAnalysedTopic, wantLayers } from '@entrepot/database';
import { analyseLayerNow, type JobQueue } from '@entrepot/jobs';
import { type IndexEntry, type LayerChanges, MergedTree, readLayerIndex } from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';

/** What trees are made of. */
export interface LayerTreeParts {
  content: ContentContext;
  queue: JobQueue;
}

/** What a stack of layers shows, and what each layer did to it. Nobody changes it. */
export interface LayerTree {
  tree: MergedTree;
  changes: readonly LayerChanges[];
}

/** A layer that no image has, put on top of one. */
export interface TopLayer {
  name: string;
  entries(below: MergedTree): Iterable<IndexEntry>;
}

/** How a tree is wanted. */
export interface TreeWish {
  top?: TopLayer;
  /** Whether files have the hashes of their contents, true when not given. */
  hashes?: boolean;
}

/** How much memory trees may take. */
export interface TreeLimits {
  /** Of one stack, all layers together. */
  maxBytes: number;
  /** Of all trees that are kept for later. */
  maxKeptBytes: number;
}

interface KeptTree {
  made: Promise<LayerTree>;
  bytes: number;
}

const recheckMs = 1_000;
/** Some million entries with hashes, and a third of that. */
const defaultLimits: TreeLimits = { maxBytes: 150e6, maxKeptBytes: 50e6 };

/**
 * Trees over stored layers, those used last kept: layers never change, so neither do these. Indexes are read one stack
 * after the other, so that at most one large tree is under way.
 */
export class LayerTrees {
  /** The one used last at the end. */
  readonly #kept = new Map<string, KeptTree>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly parts: LayerTreeParts,
    private readonly limits: TreeLimits = defaultLimits,
  ) {}

  get content(): ContentContext {
    return this.parts.content;
  }

  /**
   * The tree of layers, the lowest first. Waits for those that nobody has looked into.
   *
   * @throws {LayerGoneError} a layer is not here; @throws {BrokenLayerError} it cannot be read
   * @throws {LayerTooLargeError} together they are too much
   */
  async open(
    layers: readonly Digest[],
    { top, hashes = true, signal }: TreeWish & { signal?: AbortSignal } = {},
  ): Promise<LayerTree> {
    const key = `${top?.name ?? ''} ${hashes} ${layers.join()}`;
    const known = this.#kept.get(key);
    if (known) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known.made;
    }
    await this.wait(layers, signal);
    return (this.#kept.get(key) ?? this.#add(key, layers, { top, hashes })).made;
  }

  /** Hands the entries of layers on, those of each layer as often as they are asked for. @throws as `open` */
  async read<T>(
    layers: readonly Digest[],
    signal: AbortSignal,
    use: (indexes: AsyncIterable<IndexEntry>[]) => Promise<T>,
  ): Promise<T> {
    await this.wait(layers, signal);
    return this.#inTurn(() => {
      this.#makeRoom();
      return use(layers.map((layer) => ({ [Symbol.asyncIterator]: () => this.#indexOf(layer) })));
    });
  }

  /** Makes the analysis of layers urgent where it is missing, and resolves when all are analysed. */
  async wait(layers: readonly Digest[], signal?: AbortSignal): Promise<void> {
    const watch = this.content.database.signals.watch(layerAnalysedTopic);
    try {
      for (;;) {
        const missing = await this.#missing(layers);
        if (missing.length === 0) return;
        await this.parts.queue.enqueueMany(
          analyseLayerNow,
          missing.map((digest) => ({ digest })),
        );
        await watch.wait({ timeoutMs: recheckMs, signal });
        signal?.throwIfAborted();
      }
    } finally {
      watch.close();
    }
  }

  async #missing(layers: readonly Digest[]): Promise<Digest[]> {
    const states = await wantLayers(this.content.database.prisma, [...new Set(layers)]);
    const found = new Map(states.map((state) => [state.digest, state]));
    for (const layer of layers) {
      const state = found.get(layer);
      if (!state) throw new LayerGoneError(layer);
      if (state.error !== null) throw new BrokenLayerError(layer, state.error);
    }
    return states.filter(({ analysed }) => !analysed).map(({ digest }) => digest);
  }

  #add(key: string, layers: readonly Digest[], wish: TreeWish): KeptTree {
    const kept: KeptTree = { made: this.#inTurn(() => this.#build(layers, wish)), bytes: 0 };
    this.#kept.set(key, kept);
    kept.made.then(
      ({ tree }) => {
        kept.bytes = tree.usedBytes;
        this.#makeRoom(key);
      },
      () => this.#kept.delete(key),
    );
    return kept;
  }

  async #build(layers: readonly Digest[], { top, hashes }: TreeWish): Promise<LayerTree> {
    this.#makeRoom();
    const tree = new MergedTree({ maxBytes: this.limits.maxBytes, hashes });
    const changes: LayerChanges[] = [];
    for (const layer of layers) changes.push(await tree.add(this.#indexOf(layer)));
    if (top) await tree.add(top.entries(tree));
    return { tree, changes };
  }

  #indexOf(layer: Digest): AsyncGenerator<IndexEntry> {
    return readLayerIndex(openLayerIndex(this.content, layer));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** The newest stays, however large, until another one is made. */
  #makeRoom(newest?: string): void {
    let total = [...this.#kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [oldest, { bytes }] of this.#kept) {
      if (total <= this.limits.maxKeptBytes) return;
      if (oldest === newest || bytes === 0) continue;
      this.#kept.delete(oldest);
      total -= bytes;
    }
  }
}

/** A layer that a question is about is not here (any more). */
export class LayerGoneError extends Error {
  override readonly name = 'LayerGoneError';
  readonly code = 'LAYER_GONE' as const;
  readonly retryable = true;

  constructor(readonly digest: Digest) {
    super(`layer ${digest} is not here`);
  }
}

/** A layer is here and is none. */
export class BrokenLayerError extends Error {
  override readonly name = 'BrokenLayerError';
  readonly code = 'BROKEN_LAYER' as const;
  readonly retryable = false;

  constructor(
    readonly digest: Digest,
    readonly reason: string,
  ) {
    super(`layer ${digest} cannot be read: ${reason}`);
  }
}
