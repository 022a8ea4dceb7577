import { createRedisBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { QueueUnavailableError } from './errors.js';
import { type QueueBackend, withoutHotLoop } from './queue-backend.js';
import type { QueueTimings } from './timings.js';
import { pause } from './within.js';

/**
 * The queue on Redis. Two connections for a process, one that gives up soon (for those who ask) and one that never
 * does (for workers), and one more for each worker to wait on.
 */
export function openRedisBackend(url: string, timings: QueueTimings, report: (error: unknown) => void): QueueBackend {
  return new RedisBackend(url, timings, report);
}

class RedisBackend implements QueueBackend {
  readonly factory: QueueBackend['factory'];
  readonly fewJobs = 1;
  readonly #clients = new Set<Redis>();
  readonly #closed = new AbortController();
  readonly #asking: Redis;
  #working?: Redis;

  constructor(
    private readonly url: string,
    private readonly timings: QueueTimings,
    private readonly report: (error: unknown) => void,
  ) {
    this.#asking = this.#connect({ maxRetriesPerRequest: 3 });
    this.factory = withoutHotLoop(
      (name, options, kind = {}) => {
        const connection = kind.withBlockingConnection ? this.#workingClient() : this.#asking;
        return createRedisBackend(name, { ...options, connection }, kind);
      },
      timings.knockMs,
      this.#closed.signal,
    );
  }

  async ready(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        return await this.ping();
      } catch (error) {
        this.report(error);
        await pause(this.timings.knockMs, this.#closed.signal);
      }
    }
    throw new QueueUnavailableError('closed');
  }

  async ping(): Promise<void> {
    await this.#asking.ping();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const client of this.#clients) client.disconnect();
  }

  /** Kept apart, so that a process which only asks has no second connection. */
  #workingClient(): Redis {
    this.#working ??= this.#connect({ maxRetriesPerRequest: null });
    return this.#working;
  }

  #connect(options: RedisOptions): Redis {
    const patience = { connectTimeout: this.timings.answerMs, disconnectTimeout: 200, retryStrategy };
    const client = new Redis(this.url, { ...options, ...patience });
    const duplicate = client.duplicate.bind(client);
    client.duplicate = ((changes) => this.#track(duplicate(changes))) as typeof client.duplicate;
    return this.#track(client);
  }

  /** BullMQ duplicates the client that it is given; without knowing the copies nobody could let go of them. */
  #track(client: Redis): Redis {
    client.setMaxListeners(0);
    client.on('error', this.report);
    this.#clients.add(client);
    return client;
  }
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** times, 1_000);
}
