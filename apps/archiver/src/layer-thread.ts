import { Worker } from 'node:worker_threads';
import type { FoundPackage, LayerSummary } from '@entrepot/layers';

/** What the thread is asked. */
export interface LayerQuestion {
  storageKey: string;
}

/** What it says: pieces, each of which waits to be taken, then an answer. Errors cannot cross threads as what they are. */
export type ThreadMessage = { part: Uint8Array } | LayerAnswer;

type LayerAnswer = { summary: LayerReading } | { failure: { code: string; retryable: boolean; message: string } };

/** A layer as it was read, but for its index. */
export interface LayerReading extends LayerSummary {
  packages: readonly FoundPackage[];
}

/** Where the parts of a layer's index go while the layer is read. */
export type TakePart = (part: Buffer) => Promise<void>;

/** Reads stored layers, one at a time. */
export interface LayerReader {
  /**
   * Reads a layer to its end, and goes on only when each part of its index has been taken.
   *
   * @throws {LayerUnreadableError} `retryable` says whether the layer or only this try is at fault
   */
  read(storageKey: string, takePart: TakePart, signal: AbortSignal): Promise<LayerReading>;
  close(): Promise<void>;
}

const idleMs = 10_000;
const maxHeapMb = 256;
/** Small, so that what has passed through goes soon. */
const maxYoungMb = 12;

const threadMain = new URL('./layer-thread-main.js', import.meta.url);

/** A reader with a thread of its own, which is started when needed and ends when nothing was asked for a while. */
export function openLayerReader(blobStoreUrl: string, script = threadMain): LayerReader {
  return new LayerThread(blobStoreUrl, script);
}

class LayerThread implements LayerReader {
  readonly #blobStoreUrl: string;
  readonly #script: URL;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(blobStoreUrl: string, script: URL) {
    this.#blobStoreUrl = blobStoreUrl;
    this.#script = script;
  }

  async read(storageKey: string, takePart: TakePart, signal: AbortSignal): Promise<LayerReading> {
    clearTimeout(this.#idle);
    signal.throwIfAborted();
    const worker = this.#start();
    const stop = (): void => void this.close();
    signal.addEventListener('abort', stop);
    try {
      const answer = await ask(worker, { storageKey }, takePart);
      if ('summary' in answer) return answer.summary;
      throw new LayerUnreadableError(answer.failure.message, answer.failure.code, answer.failure.retryable);
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
