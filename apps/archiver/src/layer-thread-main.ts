// Runs inside a worker thread: unpacking is work for a CPU, and hostile bytes must not take the service's memory.
import { parentPort, workerData } from 'node:worker_threads';
import { openBlobStore } from '@entrepot/blob-store';
import { summarizeLayer } from '@entrepot/layers';
import { isCodedError } from '@entrepot/oci';
import type { LayerAnswer, LayerQuestion } from './layer-thread.js';

const store = openBlobStore((workerData as { blobStoreUrl: string }).blobStoreUrl);

parentPort?.on('message', ({ storageKey }: LayerQuestion) => {
  void answer(storageKey).then((it) => parentPort?.postMessage(it));
});

async function answer(storageKey: string): Promise<LayerAnswer> {
  try {
    return { summary: await summarizeLayer(await store.open(storageKey)) };
  } catch (error) {
    const { message } = error as Error;
    return {
      failure: isCodedError(error)
        ? { code: error.code, retryable: error.retryable, message }
        : { code: 'UNKNOWN', retryable: true, message },
    };
  }
}
