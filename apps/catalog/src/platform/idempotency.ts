import { createHash } from 'node:crypto';
import { answerKey, type Database, dropKey, type KeyedRequest, takeKey } from '@entrepot/database';
import type { Endpoint } from '@entrepot/platform-api';
import { Inject, Injectable } from '@nestjs/common';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { PlatformError } from './platform-error.js';

/** A request that may be sent twice and is done once. */
@Injectable()
export class Idempotency {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * Takes the key of a request, if it has one. An answer that was given under it comes back; null means that the request
   * is to be done, and `keep` or `drop` called when it is.
   *
   * @throws {PlatformError} the key was used for another request, or is being worked on
   */
  async take(endpoint: Endpoint, call: Call<Endpoint>): Promise<KeyedAnswer | KeyedWork | null> {
    const key = readKey(call);
    if (!endpoint.startsWork || key === null) return null;
    const request: KeyedRequest = { caller: call.caller.name, key, hash: hashOf(endpoint, call) };
    const used = await takeKey(this.database.prisma, request);
    if (used === null) return this.#work(request);
    const named = `Idempotency-Key ${JSON.stringify(key)}`;
    if (!used.isSameRequest) {
      const message = `${named} was used for another request; the same key must carry the same body`;
      throw new PlatformError(422, 'IDEMPOTENCY_KEY_REUSED', message, {
        errors: [{ in: 'header', field: 'Idempotency-Key', message: 'was used for another request' }],
      });
    }
    if (used.answered !== null) return { kind: 'answer', ...used.answered };
    const details = { retryable: true, headers: { 'retry-after': '1' } };
    throw new PlatformError(409, 'IDEMPOTENCY_KEY_BUSY', `the request of ${named} is being worked on`, details);
  }

  #work(request: KeyedRequest): KeyedWork {
    const { prisma } = this.database;
    return {
      kind: 'work',
      keep: (status, answer) => answerKey(prisma, request, { status, answer }),
      drop: () => dropKey(prisma, request),
    };
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

/** What was checked is hashed, so that spaces and the order of fields make no difference. */
function hashOf({ method, path }: Endpoint, { params, query, body, text }: Call<Endpoint>): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([method, path, params, query, body, text]))
    .digest();
}
