// Runs inside a worker thread: unpacking is work for a CPU, and hostile bytes must not take the service's memory.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { openBlobStore } from '@entrepot/blob-store';
import {
  findSeekPoints,
  type IndexEntry,
  LayerIndexWriter,
  PackageFinder,
  seekSpacing,
  summarizeLayer,
} from '@entrepot/layers';
import { isCodedError } from '@entrepot/oci';
import type { LayerQuestion, LayerReading, ThreadMessage } from './layer-thread.js';

const store = openBlobStore((workerData as { blobStoreUrl: string }).blobStoreUrl);

parentPort?.on('message', (question: LayerQuestion | 'taken') => {
  if (question !== 'taken') void answer(question).then(post);
});

async function answer(question: LayerQuestion): Promise<ThreadMessage> {
  const { storageKey } = question;
  try {
    if (question.ask === 'summary') return { summary: await read(storageKey) };
    return { seekPoints: await findPoints(storageKey, question.sizeBytes) };
  } catch (error) {
    const { message } = error as Error;
    return {
      failure: isCodedError(error)
        ? { code: error.code, retryable: error.retryable, message }
        : { code: 'UNKNOWN', retryable: true, message },
    };
  }
}

async function read(storageKey: string): Promise<LayerReading> {
  const index = new LayerIndexWriter((part) => hand({ part }));
  const watch = new PackageFinder();
  const listener = { onIndexed: (entry: IndexEntry) => index.write(entry), watch };
  const summary = await summarizeLayer(await store.open(storageKey), {}, listener);
  await index.end();
  return { ...summary, packages: watch.packages };
}

async function findPoints(storageKey: string, sizeBytes: number): Promise<Uint8Array | null> {
  const source = await store.open(storageKey);
  try {
    return await findSeekPoints(source, seekSpacing(sizeBytes));
  } finally {
    source.destroy();
  }
}

/** Waits until the other side has taken it: at most one piece is between the threads. */
async function hand(piece: ThreadMessage): Promise<void> {
  post(piece);
  if (parentPort) await once(parentPort, 'message');
}

function post(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}
