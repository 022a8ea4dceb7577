import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { ConnectionClosedError, DEFAULT_SCHEMA, type PgPool, type PgQueryResult } from 'bullmq';
import pg from 'pg';

/** Connections of one process for all its queries; each takes a millisecond. The listener has one more. */
const maxConnections = 4;

/**
 * The connections of one process to PostgreSQL, in the shape of the pool that BullMQ expects. Almost every error becomes
 * a `ConnectionClosedError`, the only one after which BullMQ tries the same step again: so a job that finishes while
 * PostgreSQL restarts is finished afterwards, instead of being run a second time.
 */
export class PostgresConnections implements PgPool {
  readonly #pool: pg.Pool;
  readonly #sockets = new Set<Socket>();
  readonly #names = new Map<string, string>();
  readonly #config: pg.ClientConfig;

  constructor(
    url: string,
    answerMs: number,
    private readonly report: (error: unknown) => void,
  ) {
    this.#config = {
      connectionString: url,
      application_name: 'entrepot-jobs',
      connectionTimeoutMillis: answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      stream: () => this.#openSocket(),
    };
    this.#pool = new pg.Pool({
      ...this.#config,
      max: maxConnections,
      query_timeout: 3 * answerMs,
      allowExitOnIdle: true,
      onConnect: setSearchPath,
    });
    this.#pool.on('error', report);
  }

  async query<R>(text: string, parameters?: readonly unknown[]): Promise<PgQueryResult<R>> {
    try {
      return await this.#pool.query<R & pg.QueryResultRow>({
        name: this.#nameOf(text),
        text,
        values: parameters as unknown[],
      });
    } catch (error) {
      if (isForBullMq(error)) throw error;
      this.report(error);
      throw new ConnectionClosedError(error instanceof Error ? error.message : String(error), error as Error);
    }
  }

  /** BullMQ has some fifty statements; under a name each connection parses and plans them once. */
  #nameOf(text: string): string {
    const name = this.#names.get(text) ?? `j${createHash('sha256').update(text).digest('hex').slice(0, 40)}`;
    this.#names.set(text, name);
    return name;
  }

  /** A connection outside the pool, for listening; the caller ends it. */
  openClient(): pg.Client {
    return new pg.Client(this.#config);
  }

  /** Ends every connection, also one that waits for an answer. */
  async end(): Promise<void> {
    this.#pool.end().catch(this.report);
    for (const socket of this.#sockets) socket.destroySoon();
    await new Promise((resolve) => setImmediate(resolve));
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Our queues never borrow a connection: the schema is checked once, and there is one listener for all. */
  connect(): never {
    throw new Error('queues have no connection of their own');
  }

  /** Errors are reported here; nobody else needs to listen. */
  on(): this {
    return this;
  }

  removeAllListeners(): this {
    return this;
  }

  #openSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** BullMQ's own verdicts (lock lost, job gone), values that PostgreSQL cannot store, tables that nobody has made. */
function isForBullMq(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && (code === 'BM001' || code === '42P01' || code.startsWith('22'));
}

/** BullMQ's SQL names no schema. Set by a query, since `options` in the URL would replace one given beside it. */
async function setSearchPath(client: pg.ClientBase): Promise<void> {
  await client.query(`set search_path to ${DEFAULT_SCHEMA}`);
}
