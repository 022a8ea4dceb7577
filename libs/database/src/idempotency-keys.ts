import type { Tx } from './transaction.js';

/** A request under an Idempotency-Key. */
export interface KeyedRequest {
  caller: string;
  key: string;
  /** Of everything that makes two requests the same. */
  hash: Buffer;
}

/** What is known of a key that was used before. */
export interface UsedKey {
  isSameRequest: boolean;
  /** Null: it is being worked on. The answer is sealed. */
  answered: { status: number; answer: Uint8Array } | null;
}

/** Whoever was to answer has gone without a word; the next one with the key takes it over. */
const abandonedAfter = '2 minutes';

/** Takes a key for a request. Null when it is new and now belongs to the asker, who must answer or drop it. */
export async function takeKey(tx: Tx, { caller, key, hash }: KeyedRequest): Promise<UsedKey | null> {
  const taken = await tx.$executeRaw`
    insert into idempotency_key (caller, key, request_hash) values (${caller}, ${key}, ${hash}::bytea)
    on conflict (caller, key) do update set created_at = now()
     where idempotency_key.request_hash = excluded.request_hash and idempotency_key.status is null
       and idempotency_key.created_at < now() - ${abandonedAfter}::interval`;
  if (taken === 1) return null;
  const [row] = await tx.$queryRaw<{ isSameRequest: boolean; status: number | null; answer: Uint8Array | null }[]>`
    select request_hash = ${hash}::bytea as "isSameRequest", status, answer
      from idempotency_key where caller = ${caller} and key = ${key}`;
  // Dropped between the two statements: whoever asks again takes it.
  if (row === undefined) return { isSameRequest: true, answered: null };
  const { isSameRequest, status, answer } = row;
  return { isSameRequest, answered: status === null || answer === null ? null : { status, answer } };
}

/** Remembers the answer, sealed, to a request that took its key. */
export async function answerKey(
  tx: Tx,
  { caller, key, hash }: KeyedRequest,
  { status, answer }: { status: number; answer: Uint8Array },
): Promise<void> {
  await tx.$executeRaw`
    update idempotency_key set status = ${status}, answer = ${answer}::bytea
     where caller = ${caller} and key = ${key} and request_hash = ${hash}::bytea`;
}

/** Lets go of a key whose request failed, so that it can be asked again. */
export async function dropKey(tx: Tx, { caller, key, hash }: KeyedRequest): Promise<void> {
  await tx.$executeRaw`
    delete from idempotency_key
     where caller = ${caller} and key = ${key} and request_hash = ${hash}::bytea and status is null`;
}

/** Forgets what was asked long ago. */
export async function deleteOldKeys(tx: Tx, olderThanMs: number): Promise<number> {
  return await tx.$executeRaw`
    delete from idempotency_key where created_at < now() - make_interval(secs => ${olderThanMs / 1000}::float8)`;
}
