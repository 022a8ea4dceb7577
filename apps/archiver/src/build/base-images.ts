import { type FoundImage, findImage, getImage, ImageNotFoundError, PlatformNotFoundError } from '@entrepot/database';
import { formatPlatform, type Platform, parseReference, withDefaultTag } from '@entrepot/oci';
import { BuildError } from './errors.js';
import type { BuildMessage, BuildRequest } from './image-builder.js';
import { type PullParts, pullBase } from './pull-base.js';
import { readStageImage, type StageImage } from './stage-image.js';

/** What the images of one build are found with. */
export interface BaseImageOptions {
  request: BuildRequest;
  /** Whoever finds an image keeps its blobs by it. */
  lease: { owner: string; leaseMs: number };
  say(message: BuildMessage): void;
  signal: AbortSignal;
}

/** Images that a build stands on or copies from: those that are here, and those that it pulls, each once. */
export class BaseImages {
  readonly #pulled = new Map<string, FoundImage>();

  constructor(
    private readonly parts: PullParts,
    private readonly options: BaseImageOptions,
  ) {}

  /** @throws {BuildError} in the registry's words */
  async find(name: string, platform: Platform | null): Promise<StageImage> {
    const { request, lease, say, signal } = this.options;
    const key = `${name} ${platform === null ? '' : formatPlatform(platform)}`;
    const known = this.#pulled.get(key);
    const here = known ?? (request.pull ? null : await this.#findHere(name, platform));
    if (here !== null) return readStageImage(this.parts.content, here, lease);
    const reference = withDefaultTag(parseReference(name));
    const credential = request.credentials.get(reference.domain);
    await pullBase(this.parts, { reference, platform, credential }, say, signal);
    const found = (await this.#findHere(name, platform)) ?? (await findImage(this.parts.content.database.prisma, name));
    if (found === null) throw new BuildError(404, `No such image: ${name}`);
    this.#pulled.set(key, found);
    return readStageImage(this.parts.content, found, lease);
  }

  async #findHere(name: string, platform: Platform | null): Promise<FoundImage | null> {
    try {
      return await getImage(this.parts.content.database.prisma, name, platform ?? undefined);
    } catch (error) {
      if (error instanceof ImageNotFoundError || error instanceof PlatformNotFoundError) return null;
      throw error;
    }
  }
}
