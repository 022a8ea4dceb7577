import type { Digest } from '@entrepot/oci';
import type { PullFailure, PullOutcome, PullState } from './pulls.js';
import type { Tx } from './transaction.js';

/** One look at a pull, for whoever watches it. */
export interface PullProgress {
  state: PullState;
  error: PullFailure | null;
  outcome: PullOutcome | null;
  targetDigest: Digest | null;
  shownDigest: Digest | null;
  /** In the order of the plan, each blob once, configs among them; empty until the pull is resolved. */
  layers: PullLayer[];
  /** Lines of the timeline after the one asked for. */
  events: PullEvent[];
}

export interface PullLayer {
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  /** Stored before the pull began. */
  wasHere: boolean;
  bytesDone: number;
  stored: boolean;
}

export interface PullEvent {
  id: number;
  at: Date;
  line: string;
}

/** Null when there is no such pull. One statement, since it is asked at every change. */
export async function pullProgress(tx: Tx, pullId: string, afterEventId = 0): Promise<PullProgress | null> {
  type Row = Omit<PullProgress, 'events'> & { events: { id: number; at: string; line: string }[] };
  const [row] = await tx.$queryRaw<Row[]>`
    select state, error, outcome, target_digest as "targetDigest", shown_digest as "shownDigest",
      (select coalesce(jsonb_agg(jsonb_build_object(
                'digest', b.blob_digest, 'mediaType', b.media_type, 'sizeBytes', b.size_bytes, 'wasHere', b.was_here,
                'bytesDone', case when f.digest is null then b.size_bytes else f.bytes_done end,
                'stored', f.digest is null) order by b.position), '[]')
         from pull_blob b left join blob_fetch f on f.digest = b.blob_digest and p.state <> 'done'
        where b.pull_id = p.id) as layers,
      (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'at', e.at, 'line', e.line) order by e.id), '[]')
         from pull_event e where e.pull_id = p.id and e.id > ${afterEventId}::bigint) as events
      from pull p where id = ${pullId}::uuid`;
  if (row === undefined) return null;
  return { ...row, events: row.events.map((event) => ({ ...event, at: new Date(event.at) })) };
}

/** Adds a line to the timeline of each pull and tells everybody who watches. */
export async function addPullEvents(tx: Tx, pullIds: readonly string[], line: string): Promise<void> {
  if (pullIds.length === 0) return;
  await tx.$queryRaw`
    with lines as (
      insert into pull_event (pull_id, line)
        select id, ${line} from pull where id = any(${[...pullIds]}::uuid[]) returning pull_id)
    select pg_notify('entrepot', 'pull:' || pull_id)::text from lines`;
}
