import { afterMs } from './database-time.js';
import type { Tx } from './transaction.js';

export async function insertWatcher(tx: Tx, watcher: { pullId: string; id: string; ttlMs: number }): Promise<void> {
  await tx.$executeRaw`
    insert into pull_watcher (pull_id, id, expires_at)
    values (${watcher.pullId}::uuid, ${watcher.id}::uuid, ${afterMs(watcher.ttlMs)})`;
}

/** Says that somebody still watches. False when the watcher has been given up. */
export async function renewWatcher(tx: Tx, watcher: { pullId: string; id: string; ttlMs: number }): Promise<boolean> {
  const count = await tx.$executeRaw`
    update pull_watcher set expires_at = ${afterMs(watcher.ttlMs)}
     where pull_id = ${watcher.pullId}::uuid and id = ${watcher.id}::uuid`;
  return count === 1;
}

export async function deleteWatcher(tx: Tx, pullId: string, watcherId: string): Promise<void> {
  await tx.$executeRaw`delete from pull_watcher where pull_id = ${pullId}::uuid and id = ${watcherId}::uuid`;
}

/** How many watch, after those who went without a word are left out. Asked with the pull locked. */
export async function countWatchers(tx: Tx, pullId: string): Promise<number> {
  const [row] = await tx.$queryRaw<{ watchers: number }[]>`
    select count(*)::int as watchers from pull_watcher where pull_id = ${pullId}::uuid and expires_at > now()`;
  return row?.watchers ?? 0;
}

/** Interactive pulls that nobody watches any more. */
export async function listUnwatchedPulls(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select id::text from pull p
     where state in ('queued', 'fetching', 'publishing') and kind = 'interactive'
       and not exists (select from pull_watcher w where w.pull_id = p.id and w.expires_at > now())
     limit ${limit}`;
  return rows.map((row) => row.id);
}
