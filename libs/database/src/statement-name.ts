import { createHash } from 'node:crypto';

/** Most statements are a few hundred texts, sent over and over; more than these are not worth keeping. */
const maxNames = 1_000;

/**
 * Gives each text of SQL a name, under which every connection parses and plans it once. The same text gets the same
 * name; texts beyond the first thousand get none.
 */
export function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= maxNames) return '';
    const name = `e${createHash('sha256').update(sql).digest('hex').slice(0, 40)}`;
    names.set(sql, name);
    return name;
  };
}
