import { isDigest, type Platform, parsePlatform, parseReference, type Reference, withDefaultTag } from '@entrepot/oci';
import { EngineError } from '../docker-engine/engine-error.js';

/** The query of `POST /images/create` as it comes. */
export type PullQuery = Readonly<Record<string, string | string[] | undefined>>;

/** What a client wants to have pulled. */
export interface PullRequest {
  /** With a tag or a digest, but for all tags of the repository. */
  reference: Reference;
  allTags: boolean;
  /** Only when the client named one. */
  platform?: Platform;
}

/**
 * Reads the query of a pull.
 *
 * @throws {EngineError} in dockerd's words
 * @throws {InvalidReferenceError}
 * @throws {InvalidPlatformError}
 */
export function parsePullRequest(query: PullQuery): PullRequest {
  const [image, tag, platform] = [one(query.fromImage), one(query.tag), one(query.platform)];
  if (image === '') throw new EngineError(500, 'Get "http:": http: no Host in request URL');
  const named = parseReference(image);
  if (image === 'scratch') throw new EngineError(403, "'scratch' is a reserved name");
  const reference = withTagOrDigest(named, tag);
  const allTags = !reference.tag && !reference.digest;
  return {
    reference: allTags ? reference : withDefaultTag(reference),
    allTags,
    ...(platform === '' ? {} : { platform: parsePlatform(platform.toLowerCase()) }),
  };
}

/** A digest decides alone: with a tag beside it, dockerd ignores the tag. */
function withTagOrDigest(named: Reference, tag: string): Reference {
  const { domain, path } = named;
  if (tag.length > 128 && !isDigest(tag)) throw new EngineError(400, 'invalid tag format');
  const digest = isDigest(tag) ? tag : named.digest;
  if (digest) return { domain, path, digest };
  return tag === '' ? named : parseReference(`${domain}/${path}:${tag}`);
}

const one = (value: string | string[] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? '';
