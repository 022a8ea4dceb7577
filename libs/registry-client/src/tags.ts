import { isTag } from '@entrepot/oci';
import { z } from 'zod';
import { RegistryProtocolError } from './errors.js';
import { headerOf, type ResponseHead } from './exchange.js';
import type { Place } from './place.js';

const maxPages = 1_000;
const tagsSchema = z.object({ tags: z.array(z.string()).nullish() });

/** Follows `Link: <…>; rel="next"` on the registry itself. @throws {RegistryProtocolError} it never ends or makes no sense */
export async function* listPages(
  place: Place,
  fetchPage: (url: URL | undefined) => Promise<{ head: ResponseHead; body: Buffer }>,
): AsyncIterable<string[]> {
  const seen = new Set<string>();
  let url: URL | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const { head, body } = await fetchPage(url);
    yield parseTags(place, body);
    const next = nextPage(head, url ?? place.base);
    if (next === undefined) return;
    if (next.origin !== place.base.origin)
      throw new RegistryProtocolError(place.host, 'its list of tags goes on elsewhere');
    if (seen.has(next.href)) throw new RegistryProtocolError(place.host, 'its list of tags goes in circles');
    seen.add(next.href);
    url = next;
  }
  throw new RegistryProtocolError(place.host, `its list of tags has more than ${maxPages} pages`);
}

function parseTags(place: Place, body: Buffer): string[] {
  try {
    return (tagsSchema.parse(JSON.parse(body.toString())).tags ?? []).filter(isTag);
  } catch (cause) {
    throw new RegistryProtocolError(place.host, 'its list of tags cannot be read', { cause });
  }
}

/** Where a list that comes in pages goes on. */
export function nextPage(head: ResponseHead, from: URL): URL | undefined {
  const link = /<([^>]+)>\s*;[^,]*rel="?next"?/i.exec(headerOf(head, 'link') ?? '')?.[1];
  return link !== undefined && URL.canParse(link, from.href) ? new URL(link, from) : undefined;
}
