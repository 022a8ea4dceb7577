import { familiarRepository } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** The numbers of repositories by full name; made where missing. Repositories are never deleted. */
export async function putRepositories(tx: Tx, names: readonly string[]): Promise<Map<string, bigint>> {
  const wanted = [...new Set(names)].sort();
  const ids = new Map<string, bigint>();
  if (wanted.length === 0) return ids;
  // A second round sees those that somebody else made during the first.
  for (let round = 0; ids.size < wanted.length && round < 5; round++) {
    const rows = await tx.$queryRaw<{ id: bigint; name: string }[]>`
      with made as (
        insert into repository (name, familiar)
          select n.name, n.familiar
            from unnest(${wanted}::text[], ${wanted.map(familiarRepository)}::text[]) as n (name, familiar)
           where not exists (select from repository r where r.name = n.name)
          on conflict (name) do nothing returning id, name)
      select id, name from made union all select id, name from repository where name = any(${wanted}::text[])`;
    for (const row of rows) ids.set(row.name, row.id);
  }
  return ids;
}
