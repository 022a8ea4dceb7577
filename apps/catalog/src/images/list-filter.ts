import { findCreationTime, getImage, type ImageListFilter, parseReferencePattern, type Tx } from '@entrepot/database';
import type { Filters } from '../docker-engine/filters.js';
import { parseTimestamp } from '../docker-engine/timestamp.js';

/** The keys that `docker images --filter` knows. */
export const imageListKeys = ['dangling', 'label', 'before', 'since', 'reference', 'until'] as const;

/**
 * What a list of images is narrowed to.
 *
 * @throws {ImageNotFoundError} `before` or `since` name no image
 * @throws {InvalidPatternError} a reference is no glob
 * @throws {EngineError} dangling is no boolean, until no time
 */
export async function readListFilter(tx: Tx, filters: Filters): Promise<ImageListFilter> {
  const now = new Date();
  const before = filters.values('until').map((text) => parseTimestamp(text, now));
  before.push(...(await creationTimes(tx, filters.values('before'))));
  const since = await creationTimes(tx, filters.values('since'));
  return {
    dangling: filters.boolean('dangling'),
    labels: filters.labels('label'),
    references: filters.values('reference').map(parseReferencePattern),
    beforeSeconds: before.length > 0 ? Math.min(...before) : undefined,
    sinceSeconds: since.length > 0 ? Math.max(...since) : undefined,
  };
}

/** When images were created, in unix seconds; an image without a time narrows nothing. */
export async function creationTimes(tx: Tx, names: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const name of names) {
    const { imageId } = await getImage(tx, name);
    const at = await findCreationTime(tx, imageId);
    if (at !== null) times.push(at);
  }
  return times;
}
