import { type Descriptor, type Digest, parseManifest } from '@entrepot/oci';
import { RegistryProtocolError } from './errors.js';
import type { ResponseHead } from './exchange.js';
import type { Place } from './place.js';
import { nextPage } from './tags.js';

const maxPages = 10;
const maxReferrers = 1_000;

/** The tag under which registries without the referrers API keep the list. */
export function fallbackTag(digest: Digest): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`;
}

/**
 * Reads an answer of the referrers API page by page.
 *
 * @throws {RegistryProtocolError} it never ends or makes no sense
 */
export async function collectReferrers(
  place: Place,
  fetchPage: (url: URL | undefined) => Promise<{ head: ResponseHead; body: Buffer }>,
): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  let url: URL | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const { head, body } = await fetchPage(url);
    found.push(...parseReferrers(place, body));
    const next = nextPage(head, url ?? place.base);
    if (next === undefined) return found;
    if (next.origin !== place.base.origin) break;
    url = next;
  }
  throw new RegistryProtocolError(place.host, 'its list of referrers does not end');
}

/** The list as an index. @throws {RegistryProtocolError} it is none, or too long */
export function parseReferrers(place: Pick<Place, 'host'>, body: Buffer): Descriptor[] {
  try {
    const index = parseManifest(body, 'application/vnd.oci.image.index.v1+json');
    if (index.kind === 'index' && index.manifests.length <= maxReferrers) return index.manifests;
  } catch (cause) {
    throw new RegistryProtocolError(place.host, 'its list of referrers cannot be read', { cause });
  }
  throw new RegistryProtocolError(place.host, `its list of referrers has more than ${maxReferrers} entries`);
}
