import type { RegistryConfig } from './registries.js';
import type { TrustPolicyConfig } from './trust-policy.js';

/** Where a server listens. */
export interface ListenAddress {
  host: string;
  port: number;
}

/** Certificates in PEM. */
export interface TlsConfig {
  cert: string;
  key: string;
  /** ENTREPOT_TLS_CLIENT_CA: a client with a certificate of this authority is who its common name says. */
  clientCa?: string;
  /** ENTREPOT_TLS_CLIENT_ROLE: what such a client may do; unset = what the token of that name may. */
  clientRole?: 'reader' | 'operator' | 'admin';
}

/** How much is logged. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Everything the environment says, checked. */
export interface Config {
  /** ENTREPOT_LISTEN: where catalog serves its clients. */
  listen: ListenAddress;
  /** Whether every client must show who it is: ENTREPOT_AUTH says so, or other machines reach the address. */
  authRequired: boolean;
  /** ENTREPOT_ADMIN_TOKEN: lets its bearer do everything, the first other tokens among it. */
  adminToken?: string;
  /** ENTREPOT_TLS_CERT and ENTREPOT_TLS_KEY; unset = plain HTTP. */
  tls?: TlsConfig;
  /** ENTREPOT_DATA_DIR, absolute. */
  dataDir: string;
  /** DATABASE_URL; unset = embedded. */
  databaseUrl?: string;
  /** QUEUE_URL; unset = embedded. */
  queueUrl?: string;
  /** BLOB_STORE_URL; unset = embedded. */
  blobStoreUrl?: string;
  /** ENTREPOT_SECRET_KEY, 32 bytes; unset = embedded. */
  secretKey?: Buffer;
  /** ENTREPOT_INTERNAL_SECRET, else derived from the secret key. */
  internalSecret?: string;
  /** The file ENTREPOT_REGISTRIES names; empty when unset. */
  registries: readonly RegistryConfig[];
  /** The file ENTREPOT_TRUST_POLICY names; nothing is checked when unset. */
  trustPolicy: TrustPolicyConfig;
  /** ENTREPOT_BLOB_CAPACITY: what the store may hold; unset = whatever the filesystem has. */
  blobCapacityBytes?: number;
  /** ENTREPOT_LOAD_PRIVATE: archives may be loaded from private networks and from this machine too. */
  loadPrivate: boolean;
  /** ENTREPOT_COLLECT_AFTER. */
  collectAfterMs: number;
  /** ENTREPOT_LOG_LEVEL. */
  logLevel: LogLevel;
  /** ENTREPOT_PULLERS: puller processes of the standalone stack. */
  pullers: number;
  /** ENTREPOT_ARCHIVERS: archiver processes of the standalone stack. */
  archivers: number;
  /** ENTREPOT_ARCHIVER_URLS: where catalog reaches the archivers. */
  archiverUrls: readonly string[];
  /** ENTREPOT_ARCHIVER_LISTEN: where an archiver listens for catalog. */
  archiverListen?: ListenAddress;
  /** ENTREPOT_HEALTH_LISTEN: where puller and archiver answer health checks and metrics; unset = nowhere. */
  healthListen?: ListenAddress;
  /** SOURCE_DATE_EPOCH; unset = builds go by the clock. */
  sourceEpoch?: Date;
  /** Variables that are probably misspelt; to be logged once at the start. */
  warnings: readonly string[];
}

/** A config of a process that must be told where its database, queue and blobs are. */
export type ServiceConfig = Config &
  Required<Pick<Config, 'databaseUrl' | 'queueUrl' | 'blobStoreUrl' | 'secretKey' | 'internalSecret'>>;
