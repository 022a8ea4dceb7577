import { readBlob } from '@entrepot/content';
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
import type { ManifestShelf } from './manifest-shelf.js';
import type { PullerParts } from './parts.js';
import { Schema1Error } from './pull-failure.js';

/** What is read, and how. */
export interface DocumentRequest extends RequestContext {
  /** Full name with tag or digest. */
  reference: string;
  /** Where manifests are looked for before the registry is asked. */
  shelf: Pick<ManifestShelf, 'find'>;
  /** Told of every manifest that the registry was asked for. */
  onManifest?: (manifest: { digest: Digest; mediaType: string; bytes: Buffer }) => void;
}

/**
 * Reads the manifests of one pull. What is at hand already is not asked for again: a digest never changes, and a
 * request for a manifest counts where a registry limits pulls.
 */
export class PullDocuments implements ManifestReader {
  readonly #reference: Reference;
  readonly #repository: string;

  constructor(
    private readonly parts: Pick<PullerParts, 'content' | 'registry'>,
    private readonly request: DocumentRequest,
  ) {
    this.#reference = parseReference(request.reference);
    this.#repository = repositoryName(this.#reference);
  }

  /** What the reference names at this moment. A question without a body (HEAD), which is free of charge everywhere. */
  async target(): Promise<FoundManifest> {
    const { descriptor, manifest } = await this.parts.registry.resolve(this.#reference, this.request);
    if (!manifest) return this.manifest(descriptor);
    this.request.onManifest?.(manifest);
    return this.#parse(manifest);
  }

  async manifest({ digest }: Pick<Descriptor, 'digest'>): Promise<FoundManifest> {
    return this.#parse((await this.request.shelf.find(digest)) ?? (await this.#fetch(digest)));
  }

  async config({ config }: ImageManifest): Promise<ImageConfig> {
    const here = await readBlob(this.parts.content, config.digest, maxImageConfigBytes).catch(() => null);
    return parseImageConfig(
      here ?? (await this.parts.registry.getBlob(this.#repository, config, this.request, maxImageConfigBytes)),
    );
  }

  async #fetch(digest: Digest): Promise<Omit<FoundManifest, 'manifest'>> {
    const manifest = await this.parts.registry.getManifest(this.#repository, digest, this.request);
    this.request.onManifest?.(manifest);
    return manifest;
  }

  #parse({ digest, mediaType, bytes }: Omit<FoundManifest, 'manifest'>): FoundManifest {
    try {
      const manifest = parseManifest(bytes, mediaType);
      return { digest, mediaType: manifest.mediaType, bytes, manifest };
    } catch (error) {
      throw isSchema1(error) ? new Schema1Error(this.request.reference, error) : error;
    }
  }
}

const schema1Types: readonly string[] = [MEDIA_TYPES.dockerManifestV1, MEDIA_TYPES.dockerManifestV1Signed];

function isSchema1(error: unknown): error is UnsupportedManifestError {
  return error instanceof UnsupportedManifestError && schema1Types.includes(error.mediaType);
}
