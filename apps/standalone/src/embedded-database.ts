import { type EmbeddedPostgres, startEmbeddedPostgres } from '@entrepot/database';
import type { Logger } from '@entrepot/observability';

const pauseMs = 500;

/** The embedded PostgreSQL, started again on the same port whenever it dies. */
export class EmbeddedDatabase {
  readonly #logger: Logger;
  #postgres: EmbeddedPostgres;
  #stopping = false;
  #recovering: Promise<void> = Promise.resolve();

  private constructor(postgres: EmbeddedPostgres, logger: Logger) {
    this.#postgres = postgres;
    this.#logger = logger;
  }

  /** @throws {EmbeddedPostgresError} one line; do not retry */
  static async start(dataDir: string, logger: Logger): Promise<EmbeddedDatabase> {
    const database = new EmbeddedDatabase(await startEmbeddedPostgres({ dataDir }), logger);
    database.#watch(dataDir, Number(new URL(database.url).port));
    return database;
  }

  get url(): string {
    return this.#postgres.url;
  }

  get queueUrl(): string {
    return this.#postgres.queueUrl;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#recovering;
    await this.#postgres.stop();
  }

  #watch(dataDir: string, port: number): void {
    void this.#postgres.ended.then(() => {
      if (this.#stopping) return;
      this.#logger.warn('PostgreSQL ended, restarting');
      this.#recovering = this.#recover(dataDir, port);
    });
  }

  async #recover(dataDir: string, port: number): Promise<void> {
    while (!this.#stopping) {
      try {
        this.#postgres = await startEmbeddedPostgres({ dataDir, port });
        return this.#watch(dataDir, port);
      } catch (error) {
        this.#logger.error({ err: error }, 'PostgreSQL does not start');
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }
}
