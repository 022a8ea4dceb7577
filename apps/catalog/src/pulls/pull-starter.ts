import type { BlobStore } from '@entrepot/blob-store';
import type { ServiceConfig } from '@entrepot/config';
import { type ContentContext, createSecretBox, type SecretBox, startPull } from '@entrepot/content';
import type { Database } from '@entrepot/database';
import { type JobQueue, resolvePull } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import { formatPlatform, formatReference, type Platform, type Reference } from '@entrepot/oci';
import type { Credential } from '@entrepot/registry-client';
import { Inject, Injectable } from '@nestjs/common';
import { BLOB_STORE, CONFIG, DATABASE, JOB_QUEUE, LOGGER } from '../providers.js';

/** One image to be pulled. */
export interface WantedPull {
  /** With tag or digest. */
  reference: Reference;
  /** Only when the client named one. */
  platform?: Platform;
  credential?: Credential;
  /** How long it goes on without anybody who watches; as long as a watcher may be silent when not given. */
  unwatchedMs?: number;
  /** Does not look at signatures, whatever the trust policy says. */
  skipsSignatures?: boolean;
}

/** Puts pulls into the database and the queue. */
@Injectable()
export class PullStarter {
  readonly content: ContentContext;
  readonly #secretBox: SecretBox;

  constructor(
    @Inject(CONFIG) config: ServiceConfig,
    @Inject(DATABASE) database: Database,
    @Inject(BLOB_STORE) store: BlobStore,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.content = { database, store };
    this.#secretBox = createSecretBox(config.secretKey);
  }

  /** The database knows of the pull before the queue does; a job that could not be added is added by a sweep. */
  async start(wanted: WantedPull): Promise<{ pullId: string; watcherId: string }> {
    const { reference, platform, credential, unwatchedMs, skipsSignatures } = wanted;
    const { pullId, watcherId, created } = await startPull(this.content, {
      reference: formatReference(reference),
      platform: platform ? formatPlatform(platform) : null,
      kind: 'interactive',
      credential: credential && this.#seal(credential),
      ...{ unwatchedMs, skipsSignatures },
    });
    if (created) {
      await this.queue
        .enqueue(resolvePull, { pullId })
        .catch((error: unknown) => this.logger.warn({ pullId, err: error }, 'a pull has to wait for the next sweep'));
    }
    return { pullId, watcherId };
  }

  #seal(credential: Credential): { sealed: Buffer; fingerprint: string } {
    const text = JSON.stringify(credential);
    return { sealed: this.#secretBox.seal(text), fingerprint: this.#secretBox.fingerprint(text) };
  }
}
