import { filterUnanalysedLayers } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';

/** Wishes of so long are asked for together. */
const collectMs = 500;
const delayMs = 1_500;

/** Whoever has layers looked into. */
export interface AnalysisWishParts extends Pick<ContentContext, 'database'> {
  /** Adds jobs that begin so much later; reading layers is not urgent, and whoever pulls one image often pulls the next. */
  enqueue(layers: readonly Digest[], delayMs: number): Promise<void>;
  onError(error: unknown): void;
}

/** Has layers of new images looked into. What is lost with the process, the archivers' sweep finds. */
export class AnalysisWishes {
  #blobs = new Set<Digest>();
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> = Promise.resolve();

  constructor(private readonly parts: AnalysisWishParts) {}

  /** Blobs of an image that is visible now; those that are no layers, or were read before, are left out. */
  add(blobs: readonly Digest[]): void {
    for (const digest of blobs) this.#blobs.add(digest);
    this.#timer ??= setTimeout(() => this.#ask(), collectMs);
  }

  /** Asks for what is left. */
  async stop(): Promise<void> {
    if (this.#timer) this.#ask();
    await this.#asking;
  }

  #ask(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const blobs = [...this.#blobs];
    this.#blobs.clear();
    this.#asking = this.#asking.then(() => this.#enqueue(blobs)).catch(this.parts.onError);
  }

  async #enqueue(blobs: readonly Digest[]): Promise<void> {
    await this.parts.enqueue(await filterUnanalysedLayers(this.parts.database.prisma, blobs), delayMs);
  }
}
