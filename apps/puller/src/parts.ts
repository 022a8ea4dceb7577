import type { ContentContext } from '@entrepot/content';
import type { JobQueue } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import type { RegistryClient } from '@entrepot/registry-client';

/** Everything from outside that the steps of a pull work with. Whoever opened it closes it. */
export interface PullerParts {
  content: ContentContext;
  queue: JobQueue;
  registry: RegistryClient;
  logger: Logger;
  /** Who this process is in the fetches it takes; never used by two processes. */
  owner: string;
}
