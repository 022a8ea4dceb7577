import { engineMessages } from '../client/engine-messages.js';
import { type CommandContext, print } from '../context.js';
import type { PullOptions } from './pull.js';

/** Pulls every tag of a repository, as `docker pull --all-tags` does; the server finds out which there are. */
export async function pullAllTags(
  context: CommandContext,
  repository: string,
  { platform, quiet }: PullOptions,
): Promise<void> {
  const query = new URLSearchParams({ fromImage: repository, ...(platform !== undefined && { platform }) });
  const request = { method: 'POST', path: `/images/create?${query}` } as const;
  const { body } = await context.client().open(request, { signal: context.signal });
  for await (const { id, status, progressDetail } of engineMessages(body)) {
    if (quiet || status === undefined || progressDetail?.current) continue;
    await print(context, id === undefined ? `${status}\n` : `${id}: ${status}\n`);
  }
  if (quiet) await print(context, `${repository}\n`);
}
