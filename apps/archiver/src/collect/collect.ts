import { type ContentContext, collectOnce } from '@entrepot/content';
import type { Logger } from '@entrepot/observability';

/** What collecting needs. */
export interface CollectParts {
  content: ContentContext;
  collectAfterMs: number;
  logger: Logger;
}

/** One round of the collection, until nothing is due or the signal aborts. Any number may run at once. */
export async function collect({ content, collectAfterMs, logger }: CollectParts, signal: AbortSignal): Promise<void> {
  const collection = await collectOnce(content, { collectAfterMs, signal });
  if (collection.released > 0 || collection.deletedObjects > 0) logger.info({ collection }, 'collected');
}
