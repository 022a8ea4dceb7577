import { currentSnapshot, type Database, type EventPlace, emptySnapshot, isSnapshot } from '@entrepot/database';

const maxLength = 8_000;

/** A place as a client keeps it, in `Last-Event-ID`. */
export function encodePlace({ seen, window, id }: EventPlace): string {
  return `${id}@${seen}@${window}`;
}

/**
 * The place that a client has kept. A bare number is that of an event of the list: of what is here now, later ones follow.
 * Null for anything else.
 */
export async function readPlace(database: Database, text: string): Promise<EventPlace | null> {
  const [id = '', seen, window, ...more] = text.slice(0, maxLength).split('@');
  if (!/^\d{1,15}$/.test(id) || more.length > 0) return null;
  if (seen === undefined) {
    return { seen: emptySnapshot, window: await currentSnapshot(database.prisma), id: Number(id) };
  }
  if (window === undefined || !isSnapshot(seen) || !isSnapshot(window)) return null;
  return { seen, window, id: Number(id) };
}
