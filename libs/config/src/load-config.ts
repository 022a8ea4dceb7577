import { hkdfSync } from 'node:crypto';
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { Config, ServiceConfig, TlsConfig } from './config.js';
import { ConfigError, type ConfigIssue } from './config-error.js';
import { type RegistriesFile, readRegistries } from './registries-file.js';
import { readTlsFiles } from './tls-files.js';
import { readTrustPolicy } from './trust-policy.js';
import { isLoopback } from './values.js';
import { variables, warnings } from './variables.js';

/** The environment as a process gets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the whole configuration, once, at the start.
 *
 * @throws {ConfigError} names every wrong variable and what is expected, never its value
 */
export function loadConfig(env: Environment = process.env): Config {
  return read(env, []);
}

/**
 * As `loadConfig`, for catalog, puller and archiver, which must be told where everything is.
 *
 * @throws {ConfigError} names every wrong or missing variable
 */
export function loadServiceConfig(env: Environment = process.env): ServiceConfig {
  return read(env, ['DATABASE_URL', 'QUEUE_URL', 'BLOB_STORE_URL', 'ENTREPOT_SECRET_KEY']) as ServiceConfig;
}

function read(env: Environment, required: readonly string[]): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''));
  const parsed = variables.safeParse(set);
  const file = readRegistries(set.ENTREPOT_REGISTRIES, env);
  const issues = parsed.success ? findConflicts(parsed.data) : parsed.error.issues.map(toIssue);
  const missing = required.filter((name) => set[name] === undefined);
  issues.push(...file.issues, ...missing.map((name) => ({ name, expected: 'must be set' })));
  const { tls, issues: tlsIssues } = readTlsFiles({
    ...{ cert: set.ENTREPOT_TLS_CERT, key: set.ENTREPOT_TLS_KEY, clientCa: set.ENTREPOT_TLS_CLIENT_CA },
  });
  const trust = readTrustPolicy(set.ENTREPOT_TRUST_POLICY);
  issues.push(...tlsIssues, ...trust.issues);
  if (!parsed.success || issues.length > 0) throw new ConfigError(issues);
  const config = { ...toConfig(parsed.data, file, tls), trustPolicy: trust.policy };
  return { ...config, warnings: warnings(Object.keys(set), file.referenced) };
}

function toConfig(
  values: Values,
  file: RegistriesFile,
  tls: TlsConfig | undefined,
): Omit<Config, 'warnings' | 'trustPolicy'> {
  return {
    listen: values.ENTREPOT_LISTEN,
    authRequired: isAuthRequired(values),
    adminToken: values.ENTREPOT_ADMIN_TOKEN,
    tls: tls && { ...tls, clientRole: values.ENTREPOT_TLS_CLIENT_ROLE },
    dataDir: resolve(values.ENTREPOT_DATA_DIR),
    databaseUrl: values.DATABASE_URL,
    queueUrl: values.QUEUE_URL,
    blobStoreUrl: values.BLOB_STORE_URL,
    secretKey: values.ENTREPOT_SECRET_KEY,
    internalSecret: values.ENTREPOT_INTERNAL_SECRET ?? deriveSecret(values.ENTREPOT_SECRET_KEY),
    registries: file.registries,
    blobCapacityBytes: values.ENTREPOT_BLOB_CAPACITY,
    loadPrivate: values.ENTREPOT_LOAD_PRIVATE,
    collectAfterMs: values.ENTREPOT_COLLECT_AFTER,
    logLevel: values.ENTREPOT_LOG_LEVEL,
    pullers: values.ENTREPOT_PULLERS,
    archivers: values.ENTREPOT_ARCHIVERS,
    archiverUrls: values.ENTREPOT_ARCHIVER_URLS,
    archiverListen: values.ENTREPOT_ARCHIVER_LISTEN,
    healthListen: values.ENTREPOT_HEALTH_LISTEN,
    sourceEpoch: values.SOURCE_DATE_EPOCH,
  };
}

type Values = z.infer<typeof variables>;

function toIssue({ path, message }: { path: PropertyKey[]; message: string }): ConfigIssue {
  return { name: String(path[0]), expected: message };
}

/** What is wrong only together. */
function findConflicts(values: Values): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const hasWayIn = values.ENTREPOT_ADMIN_TOKEN !== undefined || values.ENTREPOT_TLS_CLIENT_CA !== undefined;
  if (isAuthRequired(values) && !hasWayIn) {
    const why = values.ENTREPOT_AUTH === 'required' ? 'ENTREPOT_AUTH=required' : 'an address that others can reach';
    const expected = `must be set for ${why}: clients need a token (or a certificate, by ENTREPOT_TLS_CLIENT_CA)`;
    issues.push({ name: 'ENTREPOT_ADMIN_TOKEN', expected });
  }
  const relay = values.ENTREPOT_ARCHIVER_LISTEN;
  const hasSecret = (values.ENTREPOT_INTERNAL_SECRET ?? values.ENTREPOT_SECRET_KEY) !== undefined;
  if (relay !== undefined && !isLoopback(relay.host) && !hasSecret) {
    const expected = 'must be set when ENTREPOT_ARCHIVER_LISTEN is no loopback address';
    issues.push({ name: 'ENTREPOT_INTERNAL_SECRET', expected });
  }
  return issues;
}

function isAuthRequired(values: Values): boolean {
  return values.ENTREPOT_AUTH === 'required' || !isLoopback(values.ENTREPOT_LISTEN.host);
}

/** So that a deployment needs one secret; nothing about the key can be learnt from what is derived. */
function deriveSecret(key: Buffer | undefined): string | undefined {
  if (key === undefined) return undefined;
  return Buffer.from(hkdfSync('sha256', key, '', 'entrepot internal secret', 32)).toString('hex');
}
