import type { Readable } from 'node:stream';
import { type ContentContext, openBlob, openLayerIndex } from '@entrepot/content';
import { layerAnalysedTopic, wantLayers } from '@entrepot/database';
import { type JobQueue, jobCatalogue } from '@entrepot/jobs';
import {
  bodyRange,
  type IndexEntry,
  type LayerChanges,
  MergedTree,
  readFileBody,
  readLayerFile,
  readLayerIndex,
} from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';

export interface StackParts {
  content: ContentContext;
  queue: JobQueue;
}

/** What a stack of layers shows, and what each layer did to it. */
export interface Stack {
  tree: MergedTree;
  changes: readonly LayerChanges[];
}

const recheckMs = 1_000;
/** Together they may take some 100 MB. */
const maxKeptEntries = 200_000;

/** Trees over stored layers, the last ones kept. Layers that nobody has looked into are waited for. */
export class LayerStacks {
  readonly #parts: StackParts;
  /** The one used last at the end. */
  readonly #kept = new Map<string, { stack: Promise<Stack>; entries: number }>();

  constructor(parts: StackParts) {
    this.#parts = parts;
  }

  /**
   * The tree of layers, the lowest first. Nobody changes it.
   *
   * @throws {LayerGoneError} a layer is not here; @throws {BrokenLayerError} it cannot be read
   */
  async open(layers: readonly Digest[], signal: AbortSignal): Promise<Stack> {
    await this.wait(layers, signal);
    const key = layers.join();
    const kept = this.#kept.get(key);
    if (kept) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept.stack;
    }
    const stack = this.#build(layers);
    this.#kept.set(key, { stack, entries: 0 });
    try {
      this.#keep(key, await stack);
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
    return stack;
  }

  /** The entries of one layer that was waited for. */
  index(layer: Digest): AsyncGenerator<IndexEntry> {
    return readLayerIndex(openLayerIndex(this.#parts.content, layer));
  }

  /** The stored bytes of a layer. The caller ends the stream. */
  openLayer(layer: Digest): Promise<Readable> {
    return openBlob(this.#parts.content, layer);
  }

  /** The content of one file; of a layer that is stored plain its bytes alone are read, else all up to its end. */
  async openFile(layer: Digest, file: IndexEntry): Promise<AsyncGenerator<Buffer>> {
    const { content } = this.#parts;
    const [state] = await wantLayers(content.database.prisma, [layer]);
    const isPlain = state?.diffId === layer;
    if (!isPlain) return readLayerFile(await this.openLayer(layer), file);
    return readFileBody(await openBlob(content, layer, bodyRange(file)), file);
  }

  /** Makes the analysis of layers urgent where it is missing, and resolves when all are analysed. */
  async wait(layers: readonly Digest[], signal: AbortSignal): Promise<void> {
    const { database } = this.#parts.content;
    const watch = database.signals.watch(layerAnalysedTopic);
    try {
      for (;;) {
        const missing = await this.#missing(layers);
        if (missing.length === 0) return;
        const payloads = missing.map((digest) => ({ digest }));
        await this.#parts.queue.enqueueMany(jobCatalogue.analyseLayerNow, payloads);
        await watch.wait({ timeoutMs: recheckMs, signal });
        signal.throwIfAborted();
      }
    } finally {
      watch.close();
    }
  }

  async #missing(layers: readonly Digest[]): Promise<Digest[]> {
    const states = await wantLayers(this.#parts.content.database.prisma, layers);
    for (const layer of layers) {
      const state = states.find(({ digest }) => digest === layer);
      if (!state) throw new LayerGoneError(layer);
      if (state.error !== null) throw new BrokenLayerError(layer, state.error);
    }
    return states.filter(({ analysed }) => !analysed).map(({ digest }) => digest);
  }

  async #build(layers: readonly Digest[]): Promise<Stack> {
    const tree = new MergedTree();
    const changes: LayerChanges[] = [];
    for (const layer of layers) changes.push(await tree.add(this.index(layer)));
    return { tree, changes };
  }

  #keep(key: string, { changes }: Stack): void {
    const kept = this.#kept.get(key);
    if (kept) kept.entries = changes.reduce((sum, { entries }) => sum + entries, 0);
    let total = [...this.#kept.values()].reduce((sum, { entries }) => sum + entries, 0);
    for (const [oldest, { entries }] of this.#kept) {
      if (total <= maxKeptEntries) break;
      this.#kept.delete(oldest);
      total -= entries;
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
