import { EventEmitter } from 'node:events';
import type { PgNotification, PgQueryResult, PostgresConnection } from 'bullmq';
import type pg from 'pg';
import { pause } from './within.js';

const channel = 'bullmq_jobs';

/**
 * One LISTEN for all workers of a process. To BullMQ it looks like a connection that is always there: when the real one
 * breaks it makes another, and then wakes every worker, for what was announced meanwhile was heard by nobody.
 */
export class PostgresListener extends EventEmitter implements ListenClient {
  readonly #queues = new Set<string>();
  readonly #closed = new AbortController();
  #running?: Promise<void>;
  #client?: pg.Client;

  constructor(
    private readonly openClient: () => pg.Client,
    private readonly knockMs: number,
    private readonly report: (error: unknown) => void,
  ) {
    super();
    this.setMaxListeners(0);
  }

  /** Listens from now on for this queue too. */
  add(queue: string): void {
    this.#queues.add(queue);
    this.#running ??= this.#run();
  }

  close(): void {
    this.#closed.abort();
    this.#client?.end().catch(() => {});
  }

  /** BullMQ asks for LISTEN, which has been done or will be. */
  async query<R>(): Promise<PgQueryResult<R>> {
    return { rows: [] };
  }

  async #run(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      await this.#listen().catch(this.report);
      await pause(this.knockMs, this.#closed.signal);
    }
  }

  /** Resolves or rejects when the connection ends. */
  async #listen(): Promise<void> {
    const client = this.openClient();
    this.#client = client;
    const ended = new Promise<void>((resolve, reject) => {
      client.once('end', resolve);
      client.on('error', reject);
    });
    ended.catch(() => {});
    try {
      await client.connect();
      client.on('notification', (message) => this.emit('notification', message));
      await client.query(`listen ${channel}`);
      this.#wakeAll();
      await ended;
    } finally {
      client.end().catch(() => {});
    }
  }

  #wakeAll(): void {
    for (const payload of this.#queues) this.emit('notification', { channel, payload } satisfies PgNotification);
  }
}

type ListenClient = Awaited<ReturnType<PostgresConnection['getListenClient']>>;
