import { ambiguousName, isTag, parseReference, type Reference } from '@entrepot/oci';
import { EngineError } from '../docker-engine/engine-error.js';

/**
 * The new name that `repo` and `tag` ask for.
 *
 * @throws {InvalidReferenceError} `repo` is no name
 * @throws {EngineError} it holds a digest, or `tag` is no tag
 */
export function readNewTag(repo: string, tag: string): Reference {
  const reference = parseReference(repo);
  const reason = ambiguousName(reference);
  if (reason !== null) throw new EngineError(400, reason);
  if (reference.digest !== undefined) throw new EngineError(400, 'refusing to create a tag with a digest reference');
  if (tag !== '' && !isTag(tag)) throw new EngineError(400, 'invalid tag format');
  return { ...reference, tag: tag || (reference.tag ?? 'latest') };
}
