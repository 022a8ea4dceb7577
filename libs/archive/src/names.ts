import {
  type Descriptor,
  formatReference,
  InvalidReferenceError,
  parseReference,
  type Reference,
  withDefaultTag,
} from '@entrepot/oci';
import { InvalidArchiveError } from './errors.js';

/**
 * The full name that an entry of `index.json` gives its image. containerd and BuildKit write the full one; the
 * specification's annotation may hold one too (podman), but mostly it is a tag without a repository (skopeo, umoci,
 * oras), and then the image has no name.
 */
export function annotatedName({ annotations = {} }: Descriptor): string | null {
  const full = annotations['io.containerd.image.name'];
  const short = annotations['org.opencontainers.image.ref.name'] ?? '';
  if (full === undefined && !/[/:]/.test(short)) return null;
  const reference = tryParse(full ?? short);
  return reference && reference.digest === undefined ? formatReference(withDefaultTag(reference)) : null;
}

/**
 * The full form of a name in `manifest.json`.
 *
 * @throws {InvalidArchiveError} with Docker's text
 */
export function fullName(repoTag: string, path: string): string {
  const reference = tryParse(repoTag);
  if (reference?.tag !== undefined && reference.digest === undefined) return formatReference(reference);
  const dockerMessage = reference ? `invalid tag ${JSON.stringify(repoTag)}` : 'invalid reference format';
  throw new InvalidArchiveError(path, `${JSON.stringify(repoTag)} is not a name with a tag`, { dockerMessage });
}

function tryParse(text: string): Reference | null {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof InvalidReferenceError) return null;
    throw error;
  }
}
