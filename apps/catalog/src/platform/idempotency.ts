import type { ServiceConfig } from '@entrepot/config';
import { createSecretBox, type SecretBox } from '@entrepot/content';
import { answerKey, type Database, dropKey, type KeyedRequest, takeKey } from '@entrepot/database';
import type { Endpoint } from '@entrepot/platform-api';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { PlatformError } from './platform-error.js';

/**
 * A request that may be sent twice and is done once. Requests carry passwords and answers open doors, so the one is told
 * again by a keyed hash, and the other is kept sealed.
 */
@Injectable()
export class Idempotency {
  readonly #secretBox: SecretBox;

  constructor(
    @Inject(CONFIG) config: ServiceConfig,
    @Inject(DATABASE) private readonly database: Database,
  ) {
    this.#secretBox = createSecretBox(config.secretKey);
  }

  /**
   * Takes the key of a request, if it has one. An answer that was given under it comes back; null means that the request
   * is to be done, and `keep` or `drop` called when it is.
   *
   * @throws {PlatformError} the key was used for another request, or is being worked on
   */
  async take(endpoint: Endpoint, call: Call<Endpoint>): Promise<KeyedAnswer | KeyedWork | null> {
    const key = readKey(call);
    if (!endpoint.startsWork || key === null) return null;
    const request: KeyedRequest = { caller: call.caller.name, key, hash: this.#hashOf(endpoint, call) };
    const used = await takeKey(this.database.prisma, request);
    if (used === null) return this.#work(request);
    const named = `Idempotency-Key ${JSON.stringify(key)}`;
    if (!used.isSameRequest) {
      const message = `${named} was used for another request; the same key must carry the same body`;
      throw new PlatformError(422, 'IDEMPOTENCY_KEY_REUSED', message, {
        errors: [{ in: 'header', field: 'Idempotency-Key', message: 'was used for another request' }],
      });
    }
    if (used.answered !== null) {
      const { status, answer } = used.answered;
      return { kind: 'answer', status, answer: JSON.parse(this.#secretBox.open(answer)) };
    }
    const details = { retryable: true, headers: { 'retry-after': '1' } };
    throw new PlatformError(409, 'IDEMPOTENCY_KEY_BUSY', `the request of ${named} is being worked on`, details);
  }

  #work(request: KeyedRequest): KeyedWork {
    const { prisma } = this.database;
    return {
      kind: 'work',
      keep: (status, answer) =>
        answerKey(prisma, request, { status, answer: this.#secretBox.seal(JSON.stringify(answer ?? null)) }),
      drop: () => dropKey(prisma, request),
    };
  }

  /** What was checked is hashed, so that spaces and the order of fields make no difference. */
  #hashOf({ method, path }: Endpoint, { params, query, body, text }: Call<Endpoint>): Buffer {
    return Buffer.from(this.#secretBox.fingerprint(JSON.stringify([method, path, params, query, body, text])), 'hex');
  }
}

/** What was answered before. */
export interface KeyedAnswer {
  kind: 'answer';
  status: number;
  answer: unknown;
}

/** A key that waits for its answer. */
export interface KeyedWork {
  kind: 'work';
  keep(status: number, answer: unknown): Promise<void>;
  drop(): Promise<void>;
}

function readKey({ request }: Call<Endpoint>): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key === 'string' && /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  const message = 'expected up to 255 printable characters';
  throw new PlatformError(400, 'INVALID_REQUEST', `header Idempotency-Key: ${message}`, {
    errors: [{ in: 'header', field: 'Idempotency-Key', message }],
  });
}
