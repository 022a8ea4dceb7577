import type { Metrics } from '@entrepot/observability';
import type { TransferObserver } from './transfer-slots.js';

/** Whom the transfers of this process were for, and how long they had to wait. */
export function observeTransfers(metrics: Metrics): TransferObserver {
  const waited = metrics.histogram({
    name: 'transfer_wait_seconds',
    help: 'How long transfers waited for a slot.',
    labels: ['lane'],
    buckets: [0.01, 0.1, 0.5, 2, 10, 60, 600],
  });
  const bytes = metrics.counter({ name: 'fetched_bytes_total', help: 'Bytes of blobs that came.', labels: ['lane'] });
  const stopped = metrics.counter({
    name: 'preempted_transfers_total',
    help: 'Transfers of batches that were asked to give way.',
  });
  const raised = metrics.counter({
    name: 'raised_transfers_total',
    help: 'Transfers of batches that somebody came to wait for.',
  });
  return {
    onGranted: (lane, waitedMs) => waited.observe({ lane }, waitedMs / 1_000),
    onBytes: (lane, count) => bytes.inc({ lane }, count),
    onStopAsked: () => stopped.inc(),
    onRaised: () => raised.inc(),
  };
}
