import type { ContentContext } from '@entrepot/content';
import { filterUnanalysedLayers } from '@entrepot/database';
import { analyseLayer, type JobQueue } from '@entrepot/jobs';
import type { Digest } from '@entrepot/oci';

/** Reading layers is not urgent, and whoever pulls one image often pulls the next. */
const analysisDelayMs = 2_000;
/** Wishes of so long are asked for together. */
const collectMs = 500;

/** Has layers of pulled images looked into. What is lost with the process, the archivers' sweep finds. */
export class AnalysisWishes {
  #blobs = new Set<Digest>();
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: { content: Pick<ContentContext, 'database'>; queue: JobQueue },
    private readonly onError: (error: unknown) => void,
  ) {}

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
    this.#asking = this.#asking.then(() => this.#enqueue(blobs)).catch(this.onError);
  }

  async #enqueue(blobs: readonly Digest[]): Promise<void> {
    const layers = await filterUnanalysedLayers(this.parts.content.database.prisma, blobs);
    await this.parts.queue.enqueueMany(
      analyseLayer,
      layers.map((digest) => ({ digest })),
      { delayMs: analysisDelayMs - collectMs },
    );
  }
}
