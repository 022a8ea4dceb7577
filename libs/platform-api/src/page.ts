import { z } from 'zod';

/** The query of every list that comes in pages. */
export const pageQuery = {
  cursor: z.string().max(1024).optional().describe('`nextCursor` of the page before; absent for the first one.'),
  limit: z.int().min(1).max(1000).default(100).describe('Items in a page.'),
};

/** A page of items. The last one has no cursor. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() }).meta({ id });
}
