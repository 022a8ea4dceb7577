import { z } from 'zod';
import { InvalidArchiveError } from './errors.js';
import { goJsonError } from './go-json-error.js';

/** One image in `manifest.json`; all values are paths in the archive. */
export interface DockerImageEntry {
  config: string;
  repoTags: string[];
  layers: string[];
}

const entrySchema = z
  .object({
    Config: z.string().min(1),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  })
  .transform(({ Config, RepoTags, Layers }) => ({ config: Config, repoTags: RepoTags ?? [], layers: Layers ?? [] }));

/**
 * Reads `manifest.json`. Unknown keys are ignored; an empty list is allowed.
 *
 * @throws {InvalidArchiveError} with Docker's texts
 */
export function parseDockerManifest(path: string, bytes: Buffer): DockerImageEntry[] {
  const json = parseJson(path, bytes);
  if (json === null) {
    const dockerMessage = 'invalid manifest, manifest cannot be null (but can be [])';
    throw new InvalidArchiveError(path, 'is null', { dockerMessage });
  }
  const parsed = z.array(entrySchema).safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidArchiveError(path, `${issue?.path.join('.') || 'document'}: ${issue?.message}`, {
    cause: parsed.error,
  });
}

function parseJson(path: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new InvalidArchiveError(path, 'is not JSON', { cause, dockerMessage: goJsonError(bytes) });
  }
}
