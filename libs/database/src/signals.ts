import pg from 'pg';
import type { Tx } from './transaction.js';

const channel = 'entrepot';

/** Wake-ups between processes. A signal says only "look again"; what happened is read from the tables. */
export interface Signals {
  /**
   * Calls `listener` for each notification of the topic, and after a lost connection, since something may have been
   * missed then. Returns the way to end it.
   */
  on(topic: string, listener: () => void): () => void;
  /** Remembers what comes from now on, so that nothing is lost between reading the tables and waiting. */
  watch(topic: string): Watch;
  /** Resolves at the next notification, after the time-out, or when the signal aborts. */
  waitFor(topic: string, options: WaitOptions): Promise<void>;
  close(): Promise<void>;
}

export interface WaitOptions {
  timeoutMs: number;
  signal?: AbortSignal;
}

/** One topic under observation. */
export interface Watch {
  /** Resolves at once when something came since the last `wait` (or since the watch began), else as `waitFor`. */
  wait(options: WaitOptions): Promise<void>;
  close(): void;
}

/** Sends to everybody who listens, when the transaction commits. */
export async function notify(tx: Tx, topics: readonly string[]): Promise<void> {
  if (topics.length === 0) return;
  await tx.$queryRaw`select pg_notify(${channel}, topic)::text from unnest(${[...topics]}::text[]) topic`;
}

/** The LISTEN connection is made with the first listener, and again whenever it breaks. */
export function openSignals(url: string, applicationName: string): Signals {
  return new PostgresSignals(url, applicationName);
}

class PostgresSignals implements Signals {
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #url: string;
  readonly #applicationName: string;
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(url: string, applicationName: string) {
    this.#url = url;
    this.#applicationName = applicationName;
  }

  on(topic: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    this.#connect();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
    };
  }

  watch(topic: string): Watch {
    let pending = false;
    let wake: (() => void) | undefined;
    const close = this.on(topic, () => {
      pending = true;
      wake?.();
    });
    const wait = async (options: WaitOptions): Promise<void> => {
      if (!pending) {
        await within(options, (done) => {
          wake = done;
        });
      }
      pending = false;
      wake = undefined;
    };
    return { wait, close };
  }

  async waitFor(topic: string, options: WaitOptions): Promise<void> {
    const watch = this.watch(topic);
    try {
      await watch.wait(options);
    } finally {
      watch.close();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#connecting;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  #connect(): void {
    if (this.#closed || this.#client || this.#connecting || this.#retry) return;
    this.#connecting = this.#listen().finally(() => {
      this.#connecting = undefined;
    });
  }

  async #listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: `${this.#applicationName} signals`,
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ payload }) => this.#wake(payload ?? ''));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch {
      await client.end().catch(() => {});
      return this.#tryAgain();
    }
    this.#client = client;
    this.#failures = 0;
    this.#wakeAll();
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#tryAgain();
  }

  #tryAgain(): void {
    if (this.#closed || this.#retry) return;
    const delayMs = Math.min(50 * 2 ** this.#failures++, 5_000);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#connect();
    }, delayMs);
  }

  #wake(topic: string): void {
    for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener();
  }

  #wakeAll(): void {
    for (const topic of [...this.#listeners.keys()]) this.#wake(topic);
  }
}

/** Waits until `arm`'s callback, the time-out or the abort, whichever is first. */
function within({ timeoutMs, signal }: WaitOptions, arm: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    signal?.addEventListener('abort', done);
    arm(done);
  });
}
