/** One page of a list of the API. */
interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** All items of a list, page by page; at most `limit` when it is given. */
export async function* allPages<T>(
  readPage: (query: { cursor?: string; limit: number }) => Promise<Page<T>>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<T> {
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = await readPage({ cursor, limit: Math.min(left, 1000) });
    yield* page.items;
    left -= page.items.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && left > 0);
}

/** As `allPages`, collected. */
export async function readAll<T>(...args: Parameters<typeof allPages<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of allPages<T>(...args)) items.push(item);
  return items;
}
