import type { Digest } from '@entrepot/oci';
import type { LabelFilter } from './image-list.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** What a prune may take. */
export interface PruneFilter {
  /** Only images without a tag. */
  dangling: boolean;
  /** Only those created then or before, in unix seconds. */
  untilSeconds?: number;
  labels?: readonly LabelFilter[];
  /** Not those that have all of these. */
  notLabels?: readonly LabelFilter[];
}

/** The images that a prune looks at, newest first; nothing is locked yet. */
export async function listPrunable(tx: Tx, filter: PruneFilter): Promise<Digest[]> {
  const labels = jsonbText(filter.labels ?? []);
  const notLabels = jsonbText(filter.notLabels ?? []);
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    select i.id from image i
     where (exists (select from tag t where t.image_id = i.id) and not ${filter.dangling}
            or not exists (select from tag t where t.image_id = i.id)
               and (not exists (select from image c where c.parent_id = i.id)
                    or not ${filter.dangling}
                       and exists (select from repository_manifest d where d.image_id = i.id)))
       and (${filter.untilSeconds ?? null}::float8 is null
            or i.created_at <= to_timestamp(${filter.untilSeconds ?? null}::float8))
       and not exists (select from jsonb_to_recordset(${labels}::jsonb) as l (key text, value text)
                        where not jsonb_exists(i.labels, l.key) or i.labels ->> l.key <> l.value)
       and (${notLabels}::jsonb = '[]'
            or exists (select from jsonb_to_recordset(${notLabels}::jsonb) as l (key text, value text)
                        where not jsonb_exists(i.labels, l.key) or i.labels ->> l.key <> l.value))
     order by i.created_at desc nulls last, i.id`;
  return rows.map(({ id }) => id);
}

/** True for one prune at a time, until its transaction ends. */
export async function tryLockPrune(tx: Tx): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ locked: boolean }[]>`
    select pg_try_advisory_xact_lock(hashtextextended('entrepot image prune', 0)) as locked`;
  return row?.locked ?? false;
}
