import { isTag, parseReference, type Reference } from '@entrepot/oci';
import { EngineError } from '../docker-engine/engine-error.js';

/**
 * The new name that `repo` and `tag` ask for.
 *
 * @throws {InvalidReferenceError} `repo` is no name
 * @throws {EngineError} it holds a digest, or `tag` is no tag
 */
export function readNewTag(repo: string, tag: string): Reference {
  if (repo === 'sha256' || repo === 'docker.io/library/sha256') {
    throw new EngineError(400, 'refusing to create an ambiguous tag using digest algorithm as name');
  }
  const reference = parseReference(repo);
  if (reference.digest !== undefined) throw new EngineError(400, 'refusing to create a tag with a digest reference');
  if (tag !== '' && !isTag(tag)) throw new EngineError(400, 'invalid tag format');
  return { ...reference, tag: tag || (reference.tag ?? 'latest') };
}
