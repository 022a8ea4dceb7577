import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** An image that a build step may have made before. */
export interface CachedStep {
  id: Digest;
  config: Record<string, unknown>;
}

/**
 * Images that were made here from a parent by a step that reads so in their history, latest first; without a parent,
 * images that this step began.
 */
export async function listCachedSteps(tx: Tx, parentId: Digest | null, createdBy: string): Promise<CachedStep[]> {
  return await tx.$queryRaw<CachedStep[]>`
    select i.id, i.config from image i
     where i.parent_id is not distinct from ${parentId}::text
       and i.config #>> '{history,-1,created_by}' = ${createdBy}
       and (${parentId}::text is not null or jsonb_array_length(i.config -> 'history') = 1)
       and i.broken_reason is null
     order by i.created_at desc nulls last, i.id limit 50`;
}
