import {
  type DockerMessage,
  errorMessage,
  failureText,
  PullMessages,
  PullWatch,
  statusMessage,
  viewOf,
} from '@entrepot/content';
import { type Database, findManifestPlatform, type PullProgress } from '@entrepot/database';
import {
  familiarReference,
  formatPlatform,
  type Platform,
  type Reference,
  repositoryName,
  selectPlatform,
} from '@entrepot/oci';
import type { Credential, RegistryClient } from '@entrepot/registry-client';
import { Inject, Injectable } from '@nestjs/common';
import { DATABASE, REGISTRY_CLIENT } from '../providers.js';
import { failureAnswer, isLateFailure } from './pull-outcome.js';
import type { PullRequest } from './pull-request.js';
import { PullStarter } from './pull-starter.js';

/** Tags of one repository that are pulled side by side. */
const tagsAhead = 3;

/** A pull with what lets it in. */
export interface AuthorizedPull extends PullRequest {
  credential?: Credential;
}

/** Starts pulls and tells their clients how they go, in dockerd's messages. */
@Injectable()
export class PullService {
  constructor(
    private readonly starter: PullStarter,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(REGISTRY_CLIENT) private readonly registry: RegistryClient,
  ) {}

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

  async #start({ platform, credential }: AuthorizedPull, reference: Reference): Promise<PullWatch> {
    const { pullId, watcherId } = await this.starter.start({ reference, platform, credential });
    return new PullWatch(this.starter.content, pullId, watcherId);
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
