import type { BlobStore } from '@entrepot/blob-store';
import type { ServiceConfig } from '@entrepot/config';
import { type ContentContext, createSecretBox, type SecretBox, startPull } from '@entrepot/content';
import { type Database, findManifestPlatform, type PullProgress } from '@entrepot/database';
import { type JobQueue, resolvePull } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import {
  familiarReference,
  formatPlatform,
  formatReference,
  type Platform,
  type Reference,
  repositoryName,
  selectPlatform,
} from '@entrepot/oci';
import type { Credential, RegistryClient } from '@entrepot/registry-client';
import { Inject, Injectable } from '@nestjs/common';
import { BLOB_STORE, CONFIG, DATABASE, JOB_QUEUE, LOGGER, REGISTRY_CLIENT } from '../providers.js';
import { type DockerMessage, errorMessage, PullMessages, statusMessage } from './pull-messages.js';
import { failureAnswer, failureText, isLateFailure, viewOf } from './pull-outcome.js';
import type { PullRequest } from './pull-request.js';
import { PullWatch } from './pull-watch.js';

/** Tags of one repository that are pulled side by side. */
const tagsAhead = 3;

/** A pull with what lets it in. */
export interface AuthorizedPull extends PullRequest {
  credential?: Credential;
}

/** Starts pulls and tells their clients how they go, in dockerd's messages. */
@Injectable()
export class PullService {
  readonly #content: ContentContext;
  readonly #secretBox: SecretBox;

  constructor(
    @Inject(CONFIG) config: ServiceConfig,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(BLOB_STORE) store: BlobStore,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(REGISTRY_CLIENT) private readonly registry: RegistryClient,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#content = { database, store };
    this.#secretBox = createSecretBox(config.secretKey);
  }

  /**
   * Pulls one image or all tags. What fails before dockerd would have answered is thrown by the first `next`, the rest
   * is a message. Whoever stops reading has left.
   */
  async *pull(pull: AuthorizedPull, signal: AbortSignal): AsyncGenerator<DockerMessage> {
    const tags = pull.allTags ? await this.#listTags(pull, signal) : [pull.reference];
    const watches: PullWatch[] = [];
    const outcomes: PullProgress['outcome'][] = [];
    try {
      for (const [index, reference] of tags.entries()) {
        for (const next of tags.slice(watches.length, index + tagsAhead)) watches.push(await this.#start(pull, next));
        const end = yield* this.#follow(watches[index] as PullWatch, reference, signal, index > 0);
        if (end?.state !== 'done') return;
        outcomes.push(end.outcome);
        if (!pull.allTags) yield statusMessage(end.outcome, reference);
        yield* await this.#platformWarning(pull, reference, end);
      }
      const outcome = outcomes.includes('downloaded') ? 'downloaded' : 'up-to-date';
      if (pull.allTags) yield statusMessage(outcome, pull.reference);
    } finally {
      await Promise.allSettled(watches.map((watch) => watch.close()));
    }
  }

  async #listTags({ reference, credential }: AuthorizedPull, signal: AbortSignal): Promise<Reference[]> {
    const tags: string[] = [];
    for await (const page of this.registry.listTags(repositoryName(reference), { credential, signal }))
      tags.push(...page);
    return tags.map((tag) => ({ ...reference, tag }));
  }

  /** The database knows of the pull before the queue does; a job that could not be added is added by a sweep. */
  async #start({ platform, credential }: AuthorizedPull, reference: Reference): Promise<PullWatch> {
    const { pullId, watcherId, created } = await startPull(this.#content, {
      reference: formatReference(reference),
      platform: platform ? formatPlatform(platform) : null,
      kind: 'interactive',
      credential: credential && this.#seal(credential),
    });
    const watch = new PullWatch(this.#content, pullId, watcherId);
    if (created) {
      await this.queue
        .enqueue(resolvePull, { pullId })
        .catch((error: unknown) => this.logger.warn({ pullId, err: error }, 'a pull has to wait for the next sweep'));
    }
    return watch;
  }

  #seal(credential: Credential): { sealed: Buffer; fingerprint: string } {
    const text = JSON.stringify(credential);
    return { sealed: this.#secretBox.seal(text), fingerprint: this.#secretBox.fingerprint(text) };
  }

  async *#follow(
    watch: PullWatch,
    reference: Reference,
    signal: AbortSignal,
    streaming: boolean,
  ): AsyncGenerator<DockerMessage, PullProgress | undefined> {
    const messages = new PullMessages(reference);
    for await (const progress of watch.looks(signal)) {
      const view = viewOf(progress);
      switch (progress.state) {
        case 'failed':
        case 'cancelled':
          if (!streaming && !messages.opened && !isLateFailure(progress)) throw failureAnswer(progress);
          yield* [...messages.open(), ...messages.update(view), errorMessage(failureText(progress))];
          return progress;
        case 'done':
          yield* [...messages.update(view), ...messages.close(view)];
          return progress;
        default:
          yield* messages.update(view);
      }
    }
    return undefined;
  }

  /** A single image of another platform is taken as it is, and the client is told. */
  async #platformWarning(pull: AuthorizedPull, reference: Reference, end: PullProgress): Promise<DockerMessage[]> {
    if (!pull.platform || !end.shownDigest) return [];
    const found = await findManifestPlatform(this.database.prisma, end.shownDigest);
    if (!found) return [];
    const actual: Platform = { ...found, variant: found.variant ?? undefined };
    if (selectPlatform([actual], (it) => it, pull.platform) !== null) return [];
    const platforms = `(${formatPlatform(actual)}) does not match the specified platform (${formatPlatform(pull.platform)})`;
    return [
      {
        status: `WARNING: image with reference ${familiarReference(reference)} was found but its platform ${platforms}`,
      },
    ];
  }
}
