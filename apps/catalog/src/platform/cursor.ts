import type { z } from 'zod';
import { PlatformError } from './platform-error.js';

/** Where the next page begins, as a client carries it: opaque, and valid for the same query only. */
export function encodeCursor(values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/**
 * What a cursor says; undefined when there is none.
 *
 * @throws {PlatformError} it is not one of this list
 */
export function decodeCursor<T>(schema: z.ZodType<T>, cursor: string | undefined): T | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw new PlatformError(400, 'INVALID_REQUEST', 'query cursor: expected `nextCursor` of a page of this list', {
      errors: [{ in: 'query', field: 'cursor', message: 'expected `nextCursor` of a page of this list' }],
    });
  }
}

/** A page of what was read with one item more than the page holds, which says whether there is another. */
export function pageFrom<R, T>(
  rows: readonly R[],
  limit: number,
  toItem: (row: R) => T,
  toCursor: (row: R) => readonly unknown[],
): { items: T[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items: shown.map(toItem), nextCursor: hasMore ? encodeCursor(toCursor(last)) : null };
}
