import { cancelBatch, type EndpointOutput, watchBatch } from '@entrepot/platform-api';
import type { CommandContext } from '../context.js';
import { PartialFailureError } from '../exit-code.js';
import { openProgress, type ProgressView } from '../progress/progress-view.js';
import type { FollowOptions } from './follow-pull.js';

type Batch = EndpointOutput<typeof watchBatch>;

const ended: readonly Batch['state'][] = ['planned', 'refused', 'done', 'cancelled'];

/**
 * Shows a batch until it has ended, or is planned when that is all that was asked for.
 *
 * @throws {PartialFailureError} some items failed or were cancelled
 * @throws {BatchFailedError} it was refused, or nothing of it succeeded
 */
export async function followBatchToEnd(context: CommandContext, id: string, options: FollowOptions): Promise<Batch> {
  const client = context.client();
  const view = openProgress(context.stderr, options.quiet);
  try {
    for await (const { data } of client.events(watchBatch, { params: { id } }, { signal: context.signal })) {
      show(view, data);
      if (!ended.includes(data.state)) continue;
      judge(data);
      return data;
    }
    throw new BatchFailedError(`the server stopped telling about batch ${id}`, 'UNEXPECTED');
  } catch (error) {
    if (context.signal.aborted) {
      if (options.onInterrupt === 'cancel') await client.call(cancelBatch, { params: { id } });
      const fate = options.onInterrupt === 'cancel' ? 'the batch is cancelled' : 'the batch goes on';
      context.stderr.write(`${fate}: entrepot batch show ${id}\n`);
    }
    throw error;
  } finally {
    view.close();
  }
}

function show(view: ProgressView, batch: Batch): void {
  const { counts, itemCount, bytes } = batch;
  const over = counts.done + counts.failed + counts.cancelled;
  const failed = counts.failed > 0 ? `, ${counts.failed} failed` : '';
  const waits = batch.waitsUntil === null ? '' : `, waiting until ${batch.waitsUntil}`;
  const status = batch.state === 'planning' ? `planning, ${itemCount - counts.queued} of ${itemCount} items` : '';
  view.update([
    {
      id: 'items',
      label: 'Items',
      doneBytes: over,
      totalBytes: itemCount,
      status: status || `${over}/${itemCount} ended${failed}${waits}`,
    },
    ...(bytes && batch.state === 'running'
      ? [{ id: 'bytes', label: 'Bytes', doneBytes: bytes.done, totalBytes: bytes.needed, status: '' }]
      : []),
  ]);
}

function judge({ state, counts, itemCount, refusal, dryRun }: Batch): void {
  if (state === 'refused')
    throw new BatchFailedError(refusal?.message ?? 'the batch was refused', refusal?.code ?? 'REFUSED');
  const bad = counts.failed + counts.cancelled;
  if (bad === 0) return;
  const text = `${bad} of ${itemCount} items ${dryRun ? 'cannot be pulled' : 'failed'}`;
  if (bad < itemCount) throw new PartialFailureError(text);
  throw new BatchFailedError(text, 'BATCH_FAILED');
}

/** Nothing of a batch came to a good end. */
class BatchFailedError extends Error {
  override readonly name = 'BatchFailedError';
  readonly retryable = false;

  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}
