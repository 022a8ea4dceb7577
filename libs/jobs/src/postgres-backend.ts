import {
  assertSchemaCompatibility,
  ConnectionClosedError,
  PostgresConnection,
  PostgresQueueBackend,
  type QueueBaseOptions,
  runMigrations,
} from 'bullmq';
import pg from 'pg';
import { QueueUnavailableError } from './errors.js';
import { PostgresConnections } from './postgres-connections.js';
import { PostgresListener } from './postgres-listener.js';
import { type QueueBackend, withoutHotLoop } from './queue-backend.js';
import type { QueueTimings } from './timings.js';
import { pause } from './within.js';

/** The queue on PostgreSQL: at most four connections for a process, and one more that listens when it has workers. */
export function openPostgresBackend(
  url: string,
  timings: QueueTimings,
  report: (error: unknown) => void,
): QueueBackend {
  return new PostgresBackend(url, timings, report);
}

/** Makes or updates BullMQ's schema. Safe to run at once from many processes. @throws {QueueUnavailableError} */
export async function migratePostgresQueue(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'entrepot-jobs' });
  client.on('error', () => {});
  try {
    await client.connect();
    await runMigrations(client);
  } catch (error) {
    throw new QueueUnavailableError('migrate', { cause: error });
  } finally {
    await client.end().catch(() => {});
  }
}

class PostgresBackend implements QueueBackend {
  readonly factory: QueueBackend['factory'];
  /** BullMQ's bulk insert makes temporary tables, which cost as much as ten single inserts. */
  readonly fewJobs = 8;
  readonly #connections: PostgresConnections;
  readonly #listener: PostgresListener;
  readonly #closed = new AbortController();
  #ready?: Promise<void>;

  constructor(
    url: string,
    private readonly timings: QueueTimings,
    private readonly report: (error: unknown) => void,
  ) {
    this.#connections = new PostgresConnections(url, timings.answerMs, report);
    this.#listener = new PostgresListener(() => this.#connections.openClient(), timings.knockMs, report);
    this.factory = withoutHotLoop(
      (name, options, kind = {}) => {
        if (kind.withBlockingConnection) this.#listener.add(name);
        const connection = new SharedConnection(this.#connections, this.#listener, () => this.ready());
        return new PostgresQueueBackend(connection, name, options as QueueBaseOptions<PostgresConnections>);
      },
      timings.knockMs,
      this.#closed.signal,
    );
  }

  ready(): Promise<void> {
    this.#ready ??= this.#waitForSchema();
    return this.#ready;
  }

  async ping(): Promise<void> {
    await this.#connections.query('select 1');
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#listener.close();
    await this.#connections.end();
  }

  async #waitForSchema(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        await assertSchemaCompatibility(this.#connections);
        return;
      } catch (error) {
        if (!(error instanceof ConnectionClosedError)) this.report(error);
        await pause(this.timings.knockMs, this.#closed.signal);
      }
    }
    throw new QueueUnavailableError('closed');
  }
}

/** What BullMQ takes for a queue's own connections; they are the process's, and closing one queue leaves them open. */
class SharedConnection extends PostgresConnection {
  constructor(
    connections: PostgresConnections,
    private readonly listener: PostgresListener,
    private readonly ready: () => Promise<void>,
  ) {
    super(connections);
  }

  override waitUntilReady(): Promise<void> {
    return this.ready();
  }

  override async getListenClient(): Promise<PostgresListener> {
    return this.listener;
  }

  /** Makes idle workers look for themselves every ten seconds, should a notification be lost. */
  override get hasListenClientKeepAlive(): boolean {
    return false;
  }

  override async close(): Promise<void> {
    this.emit('close');
  }
}
