import type { PruneFilter } from '@entrepot/database';
import { EngineError } from '../docker-engine/engine-error.js';
import type { Filters } from '../docker-engine/filters.js';
import { parseTimestamp } from '../docker-engine/timestamp.js';

/** The keys that `docker image prune --filter` knows. */
export const prunableKeys = ['dangling', 'label', 'label!', 'until'] as const;

/**
 * What a prune may take; only untagged images when nothing is said.
 *
 * @throws {EngineError} dangling is no boolean, until no time, or there are several
 */
export function readPruneFilter(filters: Filters): PruneFilter {
  const until = filters.values('until');
  if (until.length > 1) throw new EngineError(500, 'more than one until filter specified');
  return {
    dangling: filters.boolean('dangling') ?? true,
    untilSeconds: until[0] === undefined ? undefined : parseTimestamp(until[0], new Date()),
    labels: filters.labels('label'),
    notLabels: filters.labels('label!'),
  };
}
