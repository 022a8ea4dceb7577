import { Worker } from 'node:worker_threads';
import type { FoundPackage, LayerSummary } from '@entrepot/layers';

/** What the thread is asked: what a layer holds, or where its unpacking can begin. */
export type LayerQuestion =
  | { ask: 'summary'; storageKey: string }
  | { ask: 'seek points'; storageKey: string; sizeBytes: number };

/** What it says: pieces, each of which waits to be taken, then an answer. Errors cannot cross threads as what they are. */
export type ThreadMessage = { part: Uint8Array } | LayerAnswer;

type LayerAnswer =
  | { summary: LayerReading }
  | { seekPoints: Uint8Array | null }
  | { failure: { code: string; retryable: boolean; message: string } };

/** A layer as it was read, but for its index. */
export interface LayerReading extends LayerSummary {
  packages: readonly FoundPackage[];
}

/** Where the parts of a layer's index go while the layer is read. */
export type TakePart = (part: Buffer) => Promise<void>;

/** Reads stored layers. */
export interface LayerReader {
  /**
   * Reads a layer to its end, and goes on only when each part of its index has been taken.
   *
   * @throws {LayerUnreadableError} `retryable` says whether the layer or only this try is at fault
   */
  read(storageKey: string, takePart: TakePart, signal: AbortSignal): Promise<LayerReading>;
  close(): Promise<void>;
}

/** Finds where the unpacking of stored layers can begin. */
export interface SeekPointFinder {
  /**
   * Reads a layer to its end; null when there is no such place.
   *
   * @throws {LayerUnreadableError} `retryable` says whether the layer or only this try is at fault
   */
  find(layer: { storageKey: string; sizeBytes: number }, signal: AbortSignal): Promise<Buffer | null>;
  close(): Promise<void>;
}

const idleMs = 10_000;
const maxHeapMb = 256;
/** Small, so that what has passed through goes soon. */
const maxYoungMb = 6;

const threadMain = new URL('./layer-thread-main.js', import.meta.url);

/** A thread that takes one question after another. It is started when needed, and ends when nothing was asked for a while. */
export function openLayerThread(blobStoreUrl: string, script = threadMain): LayerReader & SeekPointFinder {
  return new LayerThread(blobStoreUrl, script);
}

class LayerThread implements LayerReader, SeekPointFinder {
  readonly #blobStoreUrl: string;
  readonly #script: URL;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(blobStoreUrl: string, script: URL) {
    this.#blobStoreUrl = blobStoreUrl;
    this.#script = script;
  }

  async read(storageKey: string, takePart: TakePart, signal: AbortSignal): Promise<LayerReading> {
    const answer = await this.#ask({ ask: 'summary', storageKey }, takePart, signal);
    if ('summary' in answer) return answer.summary;
    throw refusalOf(answer);
  }

  async find(layer: { storageKey: string; sizeBytes: number }, signal: AbortSignal): Promise<Buffer | null> {
    const { storageKey, sizeBytes } = layer;
    const answer = await this.#ask({ ask: 'seek points', storageKey, sizeBytes }, async () => {}, signal);
    if (!('seekPoints' in answer)) throw refusalOf(answer);
    return answer.seekPoints && Buffer.from(answer.seekPoints);
  }

  #ask(question: LayerQuestion, takePart: TakePart, signal: AbortSignal): Promise<LayerAnswer> {
    const turn = this.#last.then(() => this.#askNow(question, takePart, signal));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #askNow(question: LayerQuestion, takePart: TakePart, signal: AbortSignal): Promise<LayerAnswer> {
    clearTimeout(this.#idle);
    signal.throwIfAborted();
    const worker = this.#start();
    const stop = (): void => void this.close();
    signal.addEventListener('abort', stop);
    try {
      return await ask(worker, question, takePart);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#idle = setTimeout(stop, idleMs).unref();
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(this.#script, {
      workerData: { blobStoreUrl: this.#blobStoreUrl },
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: maxYoungMb },
    });
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    worker.on('error', () => {});
    this.#worker = worker;
    return worker;
  }
}

function ask(worker: Worker, question: LayerQuestion, takePart: TakePart): Promise<LayerAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      action();
    };
    const onMessage = (message: ThreadMessage): void => {
      if (!('part' in message)) {
        settle(() => resolve(message));
        return;
      }
      takePart(Buffer.from(message.part)).then(
        () => worker.postMessage('taken'),
        // The thread waits for a word that never comes: it is of no use any more.
        (error) => settle(() => void worker.terminate().then(() => reject(error))),
      );
    };
    const onError = (error: Error): void => settle(() => reject(died(error)));
    const onExit = (): void =>
      settle(() => reject(new LayerUnreadableError('the reading thread ended', 'THREAD_ENDED', true)));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(question);
  });
}

function refusalOf(answer: LayerAnswer): LayerUnreadableError {
  if (!('failure' in answer)) throw new Error('the reading thread answered another question');
  const { message, code, retryable } = answer.failure;
  return new LayerUnreadableError(message, code, retryable);
}

/** A layer that makes the thread run out of memory would do so again. */
function died(error: Error & { code?: string }): LayerUnreadableError {
  const tooMuch = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return new LayerUnreadableError(
    tooMuch ? 'reading the layer takes too much memory' : error.message,
    error.code ?? 'UNKNOWN',
    !tooMuch,
  );
}

/** A layer could not be read to its end. */
export class LayerUnreadableError extends Error {
  override readonly name = 'LayerUnreadableError';

  constructor(
    message: string,
    /** The code of what went wrong in the thread. */
    readonly code: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}
