import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** What a queued pull asked for, as its registry has it now. */
export interface ResolvedPull {
  /** Full name, `docker.io/library/redis`. */
  repository: string;
  /** Null when it was asked for by digest. */
  tag: string | null;
  target: Digest;
  shown: Digest;
  /** How `docker events` names it: the repository, and the whole reference. */
  eventName: string;
  eventActor: string;
}

/**
 * Ends a queued pull of what is here under that name already: nothing is fetched, leased or published. One statement,
 * since this is what most pulls come to. False when it is not so, or when the pull is not queued any more.
 */
export async function finishCurrentPull(tx: Tx, pullId: string, pull: ResolvedPull): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    with here as (
      select t.image_id from tag t join repository r on r.id = t.repository_id
       where r.name = ${pull.repository} and t.name = ${pull.tag}
         and t.target_digest = ${pull.target} and t.shown_digest = ${pull.shown}
      union all
      select rm.image_id from repository_manifest rm
        join repository r on r.id = rm.repository_id
        join manifest m on m.digest = ${pull.shown} and m.image_id = rm.image_id
       where r.name = ${pull.repository} and rm.manifest_digest = ${pull.target} and ${pull.tag}::text is null
    ),
    ended as (
      update pull p set state = 'done', outcome = 'up-to-date', target_digest = ${pull.target},
             shown_digest = ${pull.shown}, credential = null, finished_at = now()
        from here where p.id = ${pullId}::uuid and p.state = 'queued'
      returning p.id, here.image_id),
    told as (
      insert into event (type, action, actor_id, attributes)
        select 'image', 'pull', ${pull.eventActor}, i.labels || jsonb_build_object('name', ${pull.eventName}::text)
          from ended join image i on i.id = ended.image_id)
    select pg_notify('entrepot', 'pull:' || id)::text, pg_notify('entrepot', 'pull-end:' || id)::text,
           pg_notify('entrepot', 'event')::text from ended`;
  return rows.length === 1;
}
