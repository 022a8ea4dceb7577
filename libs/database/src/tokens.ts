import { Prisma } from './generated/client.js';
import type { Tx } from './transaction.js';

/** What a token lets its bearer do; each role may do what those before it may. */
export type TokenRole = 'reader' | 'operator' | 'admin';

/** A token without its secret, which is kept nowhere. */
export interface TokenRow {
  name: string;
  role: TokenRole;
  createdBy: string | null;
  createdAt: Date;
  /** To the minute. */
  lastUsedAt: Date | null;
  /** Null: never. */
  expiresAt: Date | null;
}

const columns = Prisma.sql`name, role, created_by as "createdBy", created_at as "createdAt",
  last_used_at as "lastUsedAt", expires_at as "expiresAt"`;

/** Null when there is a token of this name already. */
export async function insertToken(
  tx: Tx,
  token: { name: string; role: TokenRole; hash: Buffer; expiresAt: Date | null },
): Promise<TokenRow | null> {
  const [row] = await tx.$queryRaw<TokenRow[]>`
    insert into token (name, role, hash, expires_at)
    values (${token.name}, ${token.role}, ${token.hash}::bytea, ${token.expiresAt}::timestamptz)
    on conflict (name) do nothing returning ${columns}`;
  return row ?? null;
}

export async function listTokens(tx: Tx): Promise<TokenRow[]> {
  return await tx.$queryRaw<TokenRow[]>`select ${columns} from token order by name`;
}

/** The token that was deleted; null when there was none. */
export async function deleteToken(tx: Tx, name: string): Promise<TokenRow | null> {
  const [row] = await tx.$queryRaw<TokenRow[]>`delete from token where name = ${name} returning ${columns}`;
  return row ?? null;
}

/** A token that was shown, whether it is still good, and the note that it was used. */
export async function useToken(
  tx: Tx,
  hash: Buffer,
): Promise<{ name: string; role: TokenRole; expired: boolean } | null> {
  return await use(tx, Prisma.sql`hash = ${hash}::bytea`);
}

/** The same by its name, for whoever has shown in another way who he is. */
export async function useTokenNamed(tx: Tx, name: string): Promise<ReturnType<typeof useToken>> {
  return await use(tx, Prisma.sql`name = ${name}`);
}

/** At most one write a minute, so that a busy client costs no more than a look. */
async function use(tx: Tx, condition: Prisma.Sql): ReturnType<typeof useToken> {
  const [row] = await tx.$queryRaw<{ name: string; role: TokenRole; expired: boolean }[]>`
    with found as (
      select name, role, coalesce(expires_at <= now(), false) as expired, last_used_at from token where ${condition}),
    used as (
      update token t set last_used_at = now() from found f
       where t.name = f.name and not f.expired and coalesce(f.last_used_at < now() - interval '1 minute', true))
    select name, role, expired from found`;
  return row ?? null;
}
