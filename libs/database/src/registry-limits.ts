// What registries allow, kept by all processes together and by the database's clock. Every statement here is one row by
// its key.
import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { notify } from './signals.js';
import type { Tx } from './transaction.js';

/** Where to listen for registries that begin to refuse. */
export const registryLimitTopic = 'registry-limit';

/**
 * Spends of a budget that fills evenly (GCRA): `costMs` is the time in which what is taken comes in again, `burstMs` how
 * much of that may be taken ahead. With `mayWait` it is taken in any case. Returns how long to wait, 0 for not at all;
 * without `mayWait` nothing was taken when it is more.
 */
export async function takeBudget(
  tx: Tx,
  budget: { host: string; kind: 'requests' | 'bytes'; costMs: number; burstMs: number; mayWait: boolean },
): Promise<number> {
  const { host, kind, costMs, burstMs, mayWait } = budget;
  const cost = Prisma.sql`make_interval(secs => ${costMs / 1000}::float8)`;
  const [taken] = await tx.$queryRaw<{ waitMs: number }[]>`
    insert into registry_budget (host, kind, free_at) values (${host}, ${kind}, now() + ${cost})
      on conflict (host, kind) do update set free_at = greatest(registry_budget.free_at, now()) + ${cost}
       where ${mayWait} or registry_budget.free_at <= ${afterMs(burstMs)}
    returning (extract(epoch from free_at - now()) * 1000 - ${costMs} - ${burstMs})::float8 as "waitMs"`;
  if (taken !== undefined) return Math.max(taken.waitMs, 0);
  const [row] = await tx.$queryRaw<{ waitMs: number }[]>`
    select (extract(epoch from free_at - now()) * 1000 - ${burstMs})::float8 as "waitMs"
      from registry_budget where host = ${host} and kind = ${kind}`;
  return Math.max(row?.waitMs ?? 0, 1);
}

/**
 * Takes one of a registry's connections for a while. Null when all are taken, or when somebody urgent waits and this is
 * not urgent; who is urgent makes it known by asking.
 */
export async function takeConnection(
  tx: Tx,
  wish: { host: string; holder: string; most: number; leaseMs: number; isUrgent: boolean; urgentMs: number },
): Promise<number | null> {
  const { host, holder, most, leaseMs, isUrgent, urgentMs } = wish;
  const [row] = await tx.$queryRaw<{ slot: number }[]>`
    insert into registry_connection (host, slot, holder, expires_at)
      select ${host}, slot, ${holder}, ${afterMs(leaseMs)} from generate_series(1, ${most}::int) slot
       where not exists (select from registry_connection c
                          where c.host = ${host} and c.slot = slot.slot and c.expires_at > now())
         and (${isUrgent}
              or not exists (select from registry_state s where s.host = ${host} and s.urgent_until > now()))
       order by random() limit 1
      on conflict (host, slot) do update set holder = excluded.holder, expires_at = excluded.expires_at
       where registry_connection.expires_at <= now()
    returning slot`;
  if (row !== undefined) return row.slot;
  if (isUrgent) {
    await tx.$executeRaw`
      insert into registry_state (host, urgent_until) values (${host}, ${afterMs(urgentMs)})
        on conflict (host) do update set urgent_until = excluded.urgent_until`;
  }
  return null;
}

/** Keeps a connection. Says whether somebody urgent waits for one; null when it is not ours any more. */
export async function keepConnection(
  tx: Tx,
  lease: { host: string; slot: number; holder: string; leaseMs: number },
): Promise<{ wanted: boolean } | null> {
  const [row] = await tx.$queryRaw<{ wanted: boolean }[]>`
    update registry_connection c set expires_at = ${afterMs(lease.leaseMs)}
     where host = ${lease.host} and slot = ${lease.slot}::int and holder = ${lease.holder}
    returning exists (select from registry_state s where s.host = c.host and s.urgent_until > now()) as wanted`;
  return row ?? null;
}

export async function releaseConnection(tx: Tx, lease: { host: string; slot: number; holder: string }): Promise<void> {
  await tx.$executeRaw`
    delete from registry_connection
     where host = ${lease.host} and slot = ${lease.slot}::int and holder = ${lease.holder}`;
}

/** A registry that takes no requests for a while. */
export interface LimitedRegistry {
  host: string;
  waitMs: number;
  reason: string;
}

/** Notes that a registry refuses, and tells every process. A longer wait that is known stays. */
export async function limitRegistry(tx: Tx, limit: LimitedRegistry): Promise<void> {
  await tx.$executeRaw`
    insert into registry_state (host, limited_until, limit_reason)
    values (${limit.host}, ${afterMs(limit.waitMs)}, ${limit.reason})
      on conflict (host) do update
        set limited_until = greatest(registry_state.limited_until, excluded.limited_until),
            limit_reason = excluded.limit_reason`;
  await notify(tx, [registryLimitTopic]);
}

export async function listLimitedRegistries(tx: Tx): Promise<LimitedRegistry[]> {
  return await tx.$queryRaw<LimitedRegistry[]>`
    select host, (extract(epoch from limited_until - now()) * 1000)::float8 as "waitMs",
           coalesce(limit_reason, '') as reason
      from registry_state where limited_until > now()`;
}

/** How many pulls a registry still allows a credential, as it said. */
export interface RegistryQuota {
  host: string;
  /** A fingerprint; '' for none. */
  credentialKey: string;
  limit: number;
  remaining: number;
  windowSeconds: number;
}

/** Remembers what a registry said. A window begins with the first word of it. */
export async function saveQuota(tx: Tx, quota: RegistryQuota): Promise<void> {
  const { host, credentialKey, limit, remaining, windowSeconds } = quota;
  await tx.$executeRaw`
    insert into registry_quota (host, credential_key, max_pulls, remaining, window_seconds, resets_at)
    values (${host}, ${credentialKey}, ${limit}::int, ${remaining}::int, ${windowSeconds}::int,
            ${afterMs(windowSeconds * 1000)})
      on conflict (host, credential_key) do update
        set max_pulls = excluded.max_pulls, remaining = excluded.remaining, window_seconds = excluded.window_seconds,
            seen_at = now(), resets_at = case when registry_quota.resets_at <= now() then excluded.resets_at
                                              else registry_quota.resets_at end`;
}

/** Takes one pull of what is above the reserve. Null when it may be made, else what is left and until when to wait. */
export async function spendQuota(
  tx: Tx,
  spending: { host: string; credentialKey: string; reserveShare: number },
): Promise<{ limit: number; remaining: number; waitMs: number } | null> {
  const { host, credentialKey, reserveShare } = spending;
  const [row] = await tx.$queryRaw<{ limit: number; remaining: number; waitMs: number; spent: boolean }[]>`
    with spent as (
      update registry_quota set remaining = remaining - 1
       where host = ${host} and credential_key = ${credentialKey} and resets_at > now()
         and remaining > ceil(max_pulls * ${reserveShare}::float8)
      returning host)
    select max_pulls as limit, remaining, (extract(epoch from resets_at - now()) * 1000)::float8 as "waitMs",
           exists (select from spent) as spent
      from registry_quota where host = ${host} and credential_key = ${credentialKey} and resets_at > now()`;
  return row === undefined || row.spent ? null : row;
}
