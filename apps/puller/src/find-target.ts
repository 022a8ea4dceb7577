import { readBlob } from '@entrepot/content';
import { findManifests, type PullRow } from '@entrepot/database';
import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  MEDIA_TYPES,
  maxImageConfigBytes,
  parseImageConfig,
  parseManifest,
  parseReference,
  type Reference,
  repositoryName,
  UnsupportedManifestError,
} from '@entrepot/oci';
import type { RequestContext } from '@entrepot/registry-client';
import type { FoundManifest, ManifestReader } from './choose-manifest.js';
import { openCredential, type PullerParts } from './parts.js';
import { Schema1Error } from './pull-failure.js';

/**
 * Reads the manifests of one pull. What is stored here already is not asked for again: a digest never changes, and a
 * request for a manifest counts where a registry limits pulls.
 */
export class PullDocuments implements ManifestReader {
  readonly #reference: Reference;
  readonly #repository: string;
  readonly #request: RequestContext;

  /** @throws {SecretBoxError} the pull's credential was sealed with another key */
  constructor(
    private readonly parts: PullerParts,
    private readonly pull: PullRow,
    signal: AbortSignal,
  ) {
    this.#reference = parseReference(pull.reference);
    this.#repository = repositoryName(this.#reference);
    this.#request = { credential: openCredential(parts, pull.credential), signal };
  }

  /** What the reference names at this moment. A question without a body (HEAD), which is free of charge everywhere. */
  async target(): Promise<FoundManifest> {
    const { descriptor, manifest } = await this.parts.registry.resolve(this.#reference, this.#request);
    return manifest ? this.#parse(manifest) : this.manifest(descriptor);
  }

  async manifest({ digest }: Pick<Descriptor, 'digest'>): Promise<FoundManifest> {
    return this.#parse((await this.#findHere(digest)) ?? (await this.#fetch(digest)));
  }

  async config({ config }: ImageManifest): Promise<ImageConfig> {
    const here = await readBlob(this.parts.content, config.digest, maxImageConfigBytes).catch(() => null);
    return parseImageConfig(
      here ?? (await this.parts.registry.getBlob(this.#repository, config, this.#request, maxImageConfigBytes)),
    );
  }

  async #findHere(digest: Digest): Promise<Omit<FoundManifest, 'manifest'> | null> {
    const [row] = await findManifests(this.parts.content.database.prisma, [digest]);
    return row ? { digest, mediaType: row.mediaType, bytes: Buffer.from(row.bytes) } : null;
  }

  #fetch(digest: Digest): Promise<Omit<FoundManifest, 'manifest'>> {
    return this.parts.registry.getManifest(this.#repository, digest, this.#request);
  }

  #parse({ digest, mediaType, bytes }: Omit<FoundManifest, 'manifest'>): FoundManifest {
    try {
      const manifest = parseManifest(bytes, mediaType);
      return { digest, mediaType: manifest.mediaType, bytes, manifest };
    } catch (error) {
      throw isSchema1(error) ? new Schema1Error(this.pull.reference, error) : error;
    }
  }
}

const schema1Types: readonly string[] = [MEDIA_TYPES.dockerManifestV1, MEDIA_TYPES.dockerManifestV1Signed];

function isSchema1(error: unknown): error is UnsupportedManifestError {
  return error instanceof UnsupportedManifestError && schema1Types.includes(error.mediaType);
}
