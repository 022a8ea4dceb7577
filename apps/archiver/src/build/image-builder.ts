import type { Readable } from 'node:stream';
import type { DockerMessage } from '@entrepot/content';
import type { Platform, Reference } from '@entrepot/oci';
import type { Credential } from '@entrepot/registry-client';

/** How an image is to be built. */
export interface BuildRequest {
  /** Where the Dockerfile is in the context. */
  dockerfile: string;
  /** Names of the image, each with a tag. */
  tags: readonly Reference[];
  target: string;
  buildArgs: ReadonlyMap<string, string>;
  labels: Readonly<Record<string, string>>;
  platform: Platform | null;
  /** Pull base images also when they are here. */
  pull: boolean;
  noCache: boolean;
  /** Nothing is said but the image's id. */
  quiet: boolean;
  /** Whether the transcript tells that the containers of the steps are removed. */
  removeContainers: boolean;
  /** What lets in to the registries of base images, by host. */
  credentials: ReadonlyMap<string, Credential>;
  /** The time of everything that the build makes; the clock's without it. */
  epoch: Date | null;
}

/** One message of the transcript. */
export type BuildMessage = DockerMessage & {
  stream?: string;
  aux?: { ID: string };
  errorDetail?: { code?: number; message: string };
};

/** The port to building: a context goes in, messages and an image come out. */
export interface ImageBuilder {
  /**
   * Builds, and says so step by step. Resolves when the image is there under its names.
   *
   * @throws {BuildError} @throws {DockerfileError} with the words for the client
   */
  build(
    request: BuildRequest,
    context: Readable,
    say: (message: BuildMessage) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
