import type { Digest } from '@entrepot/oci';
import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

export type PullKind = 'interactive' | 'batch';
export type PullState = 'queued' | 'fetching' | 'publishing' | 'done' | 'failed' | 'cancelled';
export type PullOutcome = 'downloaded' | 'up-to-date';

/** Why a pull failed, for people and for programs. */
export interface PullFailure {
  code: string;
  message: string;
  /** What the Docker command would have said; the same as `message` when it has no words of its own. */
  dockerMessage?: string;
}

export interface PullRow {
  id: string;
  /** Full name with tag or digest. */
  reference: string;
  /** Normalised, null for that of the service. */
  platform: string | null;
  kind: PullKind;
  state: PullState;
  /** Sealed; gone when the pull has ended. */
  credential: Uint8Array | null;
  credentialKey: string;
  targetDigest: Digest | null;
  shownDigest: Digest | null;
  outcome: PullOutcome | null;
  error: PullFailure | null;
  attempts: number;
  /** In whose name it was asked for first. */
  caller: string | null;
  /** Whatever the trust policy says. */
  skipsSignatures: boolean;
  createdAt: Date;
  /** How long it has existed by the database's clock. */
  ageMs: number;
}

/** What is asked for. */
export interface PullWish {
  reference: string;
  platform: string | null;
}

/** For whom, and with which rights. */
export interface PullTerms {
  kind: PullKind;
  credential: Uint8Array | null;
  /** '' without a credential. */
  credentialKey: string;
  skipsSignatures: boolean;
}

/** A wish and the pull that grants it. */
export interface GrantedWish extends PullWish {
  pullId: string;
}

const active = Prisma.sql`state in ('queued', 'fetching', 'publishing')`;

/** Makes pulls; those of which an unfinished one exists are left out. Each wish is named once. */
export async function insertPulls(tx: Tx, wishes: readonly PullWish[], terms: PullTerms): Promise<GrantedWish[]> {
  return await tx.$queryRaw<GrantedWish[]>`
    insert into pull (reference, platform, kind, credential, credential_key, skips_signatures)
      select w.reference, w.platform, ${terms.kind}, ${terms.credential}::bytea, ${terms.credentialKey}, ${terms.skipsSignatures}
        from ${wishRows(wishes)} order by w.reference, w.platform
    on conflict (reference, coalesce(platform, ''), credential_key, skips_signatures) where ${active} do nothing
    returning id::text as "pullId", reference, platform`;
}

/** Locks the unfinished pulls of the same things; a batch makes them its own. Those that ended meanwhile are left out. */
export async function joinPulls(tx: Tx, wishes: readonly PullWish[], terms: PullTerms): Promise<GrantedWish[]> {
  return await tx.$queryRaw<GrantedWish[]>`
    update pull set kind = case when ${terms.kind} = 'batch' then 'batch' else kind end
     where ${active} and id in (
       select p.id from ${wishRows(wishes)} join pull p
           on p.reference = w.reference and coalesce(p.platform, '') = coalesce(w.platform, '')
        where p.credential_key = ${terms.credentialKey} and p.skips_signatures = ${terms.skipsSignatures}
          and p.state in ('queued', 'fetching', 'publishing')
        order by p.id for no key update of p)
    returning id::text as "pullId", reference, platform`;
}

function wishRows(wishes: readonly PullWish[]): Prisma.Sql {
  return Prisma.sql`unnest(${wishes.map((wish) => wish.reference)}::text[],
                           ${wishes.map((wish) => wish.platform)}::text[]) as w (reference, platform)`;
}

export async function findPull(tx: Tx, pullId: string): Promise<PullRow | null> {
  return (await selectPull(tx, pullId, Prisma.empty)) ?? null;
}

/** Locks the pull until the transaction ends. Fetch rows that are needed too are locked before. */
export async function lockPull(tx: Tx, pullId: string): Promise<PullRow | null> {
  return (await selectPull(tx, pullId, Prisma.sql`for no key update`)) ?? null;
}

/** As `lockPull`, many in the order in which everybody locks them. */
export async function lockPulls(tx: Tx, pullIds: readonly string[]): Promise<void> {
  await tx.$queryRaw`select 1 from pull where id = any(${[...pullIds]}::uuid[]) order by id for no key update`;
}

async function selectPull(tx: Tx, pullId: string, lock: Prisma.Sql): Promise<PullRow | undefined> {
  const [row] = await tx.$queryRaw<PullRow[]>`
    select id::text, reference, platform, kind, state, credential, credential_key as "credentialKey",
           target_digest as "targetDigest", shown_digest as "shownDigest", outcome, error, attempts, caller,
           skips_signatures as "skipsSignatures",
           created_at as "createdAt", (extract(epoch from now() - created_at) * 1000)::float8 as "ageMs"
      from pull where id = ${pullId}::uuid ${lock}`;
  return row;
}

/** Locks the pulls that wait for these blobs, which the caller holds, and gives each its leases. Returns the pulls. */
export async function leaseForWaitingPulls(tx: Tx, digests: readonly Digest[], ttlMs: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    with waiting as (
      select p.id, b.blob_digest as digest
        from pull_blob b join pull p on p.id = b.pull_id
       where b.blob_digest = any(${[...digests]}::text[]) and p.state = 'fetching'
       order by p.id, b.blob_digest for no key update of p),
    leased as (
      insert into blob_lease (blob_digest, owner, expires_at)
        select digest, 'pull:' || id, ${afterMs(ttlMs)} from waiting order by digest, id
        on conflict (blob_digest, owner) do update
          set expires_at = greatest(blob_lease.expires_at, excluded.expires_at))
    select distinct id::text from waiting`;
  return rows.map((row) => row.id);
}

/** Of these locked pulls, those that have a lease on every blob become `publishing`; everybody who watches is told. */
export async function advancePulls(tx: Tx, pullIds: readonly string[]): Promise<string[]> {
  if (pullIds.length === 0) return [];
  const rows = await tx.$queryRaw<{ id: string; due: boolean }[]>`
    with due as (
      update pull p set state = 'publishing'
       where id = any(${[...pullIds]}::uuid[]) and state = 'fetching'
         and not exists (
           select from pull_blob b
            where b.pull_id = p.id and not exists (
              select from blob_lease l where l.blob_digest = b.blob_digest and l.owner = 'pull:' || p.id))
      returning id)
    select w.id::text, w.id in (select id from due) as due, pg_notify('entrepot', 'pull:' || w.id)::text
      from unnest(${[...pullIds]}::uuid[]) as w (id)`;
  return rows.filter((row) => row.due).map((row) => row.id);
}

/** A pull that must fetch again, because something went while it waited. */
export async function sendPullBack(tx: Tx, pullId: string): Promise<void> {
  await tx.$executeRaw`update pull set state = 'fetching' where id = ${pullId}::uuid and state = 'publishing'`;
}

/**
 * Ends pulls: their credentials, leases and manifests go, and everybody who watches is told. Returns those that had not
 * ended already.
 */
export async function finishPulls(
  tx: Tx,
  pullIds: readonly string[],
  end: { state: 'done' | 'failed' | 'cancelled'; outcome?: PullOutcome; error?: PullFailure },
): Promise<string[]> {
  const error = end.error === undefined ? null : jsonbText(end.error);
  const rows = await tx.$queryRaw<{ id: string }[]>`
    with ended as (
      update pull set state = ${end.state}, outcome = ${end.outcome ?? null}, error = ${error}::jsonb,
             credential = null, finished_at = now()
       where id = any(${[...pullIds]}::uuid[]) and ${active}
      returning id),
    manifests as (delete from pull_manifest m using ended where m.pull_id = ended.id),
    leases as (delete from blob_lease l using ended where l.owner = 'pull:' || ended.id)
    select id::text, pg_notify('entrepot', 'pull:' || id)::text, pg_notify('entrepot', 'pull-end:' || id)::text
      from ended order by id`;
  return rows.map(({ id }) => id);
}

/** A queued pull is not looked at for a while. False when it is not queued any more. */
export async function delayPull(tx: Tx, pullId: string, waitMs: number, failedTries: number): Promise<boolean> {
  const count = await tx.$executeRaw`
    update pull set not_before = ${afterMs(waitMs)}, attempts = attempts + ${failedTries}::int
     where id = ${pullId}::uuid and state = 'queued'`;
  return count === 1;
}

/** Pulls whose next step somebody should take now. */
export async function listDuePulls(tx: Tx, limit: number): Promise<{ id: string; state: 'queued' | 'publishing' }[]> {
  return await tx.$queryRaw<{ id: string; state: 'queued' | 'publishing' }[]>`
    select id::text, state from pull
     where state in ('queued', 'publishing') and not_before <= now()
     order by created_at limit ${limit}`;
}

/** Leaves a pull of a batch to those who watch it. */
export async function leaveToWatchers(tx: Tx, pullIds: readonly string[]): Promise<void> {
  await tx.$executeRaw`update pull set kind = 'interactive' where id = any(${[...pullIds]}::uuid[])`;
}

/** Forgets pulls that ended long ago, with their timelines; those of a batch when the batch has gone. */
export async function deleteFinishedPulls(tx: Tx, afterEndMs: number, limit: number): Promise<number> {
  return await tx.$executeRaw`
    delete from pull where id in (
      select id from pull
       where finished_at <= ${afterMs(-afterEndMs)} and not exists (select from batch_item i where i.pull_id = pull.id)
       for update skip locked limit ${limit})`;
}
