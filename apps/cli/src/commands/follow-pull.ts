import { cancelPull, type EndpointOutput, followPull } from '@entrepot/platform-api';
import { type ApiClient, ApiError } from '../client/api-client.js';
import type { CommandContext } from '../context.js';
import { openProgress } from '../progress/progress-view.js';
import { pullTransfers } from '../progress/pull-transfers.js';

/** How a pull is watched. */
export interface FollowOptions {
  quiet?: boolean;
  /** What Ctrl-C does: leave the pull alone, or cancel it. */
  onInterrupt: 'detach' | 'cancel';
}

type PullProgress = EndpointOutput<typeof followPull>;

/**
 * Shows a pull until it has ended.
 *
 * @throws {PullFailedError} it failed or was cancelled
 */
export async function followPullToEnd(
  context: CommandContext,
  id: string,
  options: FollowOptions,
): Promise<PullProgress> {
  const client = context.client();
  const view = openProgress(context.stderr, options.quiet);
  try {
    for await (const { data } of client.events(followPull, { params: { id } }, { signal: context.signal })) {
      for (const { line } of data.timeline) view.note(line);
      view.update(pullTransfers(data));
      if (data.state === 'done') return data;
      if (data.state === 'failed' || data.state === 'cancelled') throw new PullFailedError(id, data);
    }
    throw new PullFailedError(id, null);
  } catch (error) {
    if (context.signal.aborted) await interrupted(context, client, id, options.onInterrupt);
    throw error;
  } finally {
    view.close();
  }
}

async function interrupted(
  { stderr }: CommandContext,
  client: ApiClient,
  id: string,
  what: 'detach' | 'cancel',
): Promise<void> {
  if (what === 'detach') {
    stderr.write(`the pull goes on: entrepot pulls ${id}\n`);
    return;
  }
  await client.call(cancelPull, { params: { id } }).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
  });
  stderr.write('the pull is cancelled\n');
}

/** A pull came to no good end. */
class PullFailedError extends Error {
  override readonly name = 'PullFailedError';
  readonly code: string;
  readonly retryable = false;

  constructor(id: string, progress: PullProgress | null) {
    super(
      progress?.error?.message ?? (progress ? 'the pull was cancelled' : `the server stopped telling about pull ${id}`),
    );
    this.code = progress?.error?.code ?? 'PULL_CANCELLED';
  }
}
