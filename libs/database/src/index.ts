export { type Database, type DatabaseOptions, openDatabase } from './database.js';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.js';
export { EmbeddedPostgresError } from './embedded-postgres-error.js';
export { DatabaseNewerError, listPending, MigrationError, migrate } from './migrate.js';
export { notify, type Signals, type WaitOptions, type Watch } from './signals.js';
export { sqlState, type Tx } from './transaction.js';
