import type { PullFailure, PullKind, PullOutcome, PullState } from './pulls.js';
import type { Tx } from './transaction.js';

/** A pull as lists show it. */
export interface ListedPull {
  id: string;
  reference: string;
  platform: string | null;
  kind: PullKind;
  state: PullState;
  outcome: PullOutcome | null;
  error: PullFailure | null;
  caller: string | null;
  createdAt: Date;
  /** To the microsecond, for the cursor. */
  createdAtText: string;
  finishedAt: Date | null;
  /** Of all its blobs; 0 until it is resolved. */
  sizeBytes: number;
  bytesDone: number;
}

/** Which pulls are wanted; what is left out or empty narrows nothing. */
export interface PullFilter {
  id?: string;
  states?: readonly PullState[];
  reference?: string;
  caller?: string;
}

/** Pulls, newest first, after one. */
export async function listPulls(
  tx: Tx,
  { id, states = [], reference, caller }: PullFilter,
  page: { after?: { createdAt: string; id: string }; limit: number },
): Promise<ListedPull[]> {
  const { after, limit } = page;
  return await tx.$queryRaw<ListedPull[]>`
    with chosen as (
      select * from pull p
       where (${id ?? null}::uuid is null or p.id = ${id ?? null}::uuid)
         and (${states.length === 0} or p.state = any(${[...states]}::text[]))
         and (${reference ?? null}::text is null or p.reference = ${reference ?? null})
         and (${caller ?? null}::text is null or p.caller = ${caller ?? null})
         and (${after === undefined}
              or (p.created_at, p.id) < (${after?.createdAt ?? null}::timestamptz, ${after?.id ?? null}::uuid))
       order by p.created_at desc, p.id desc limit ${limit}::int)
    select p.id::text, p.reference, p.platform, p.kind, p.state, p.outcome, p.error, p.caller,
           p.created_at as "createdAt", p.created_at::text as "createdAtText", p.finished_at as "finishedAt",
           coalesce(s.total, 0)::float8 as "sizeBytes", coalesce(s.done, 0)::float8 as "bytesDone"
      from chosen p left join lateral (
        select sum(b.size_bytes) as total,
               sum(case when f.digest is null then b.size_bytes else f.bytes_done end) as done
          from pull_blob b left join blob_fetch f on f.digest = b.blob_digest and p.state <> 'done'
         where b.pull_id = p.id) s on true
     order by p.created_at desc, p.id desc`;
}
