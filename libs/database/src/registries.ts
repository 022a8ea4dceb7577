import { Prisma } from './generated/client.js';
import { notify } from './signals.js';
import type { Tx } from './transaction.js';

/** Which API beside the distribution protocol a registry speaks. */
export type RegistryKind = 'docker-hub' | 'harbor' | 'quay' | 'zot' | 'distribution';

/**
 * One upstream registry as somebody has set it by the API. It stands over the entry of the same host in the file of
 * ENTREPOT_REGISTRIES; `openUpstreams` of `content` puts both together, and is what others should ask.
 */
export interface RegistryRow {
  /** As references carry it: `docker.io`, `ghcr.io`, `registry.example.com:5000`. */
  host: string;
  endpoint: string | null;
  mirrors: string[];
  /** Null: told from the host. */
  kind: RegistryKind | null;
  /** A search asks lower ones first. Null: Docker Hub 0, others 100. */
  priority: number | null;
  insecure: boolean;
  /** PEM text. */
  ca: string | null;
  /** Sealed by the secret box: JSON of a credential. */
  credential: Uint8Array | null;
  /** Limits that all pullers keep together but the first, which each keeps. Null: none. */
  maxConnections: number | null;
  requestsPerMinute: number | null;
  bytesPerSecond: number | null;
}

/** Where to listen for changes of registries. */
export const registryTopic = 'registry';

const columns = Prisma.sql`host, endpoint, mirrors, kind, priority, insecure, ca, credential,
  max_connections as "maxConnections", requests_per_minute as "requestsPerMinute",
  bytes_per_second::float8 as "bytesPerSecond"`;

export async function listRegistries(tx: Tx): Promise<RegistryRow[]> {
  return await tx.$queryRaw<RegistryRow[]>`select ${columns} from registry order by host`;
}

/** Locks the registry until the transaction ends. Null when there is none. */
export async function lockRegistry(tx: Tx, host: string): Promise<RegistryRow | null> {
  const [row] = await tx.$queryRaw<RegistryRow[]>`select ${columns} from registry where host = ${host} for update`;
  return row ?? null;
}

/** False when there is one of this host already. */
export async function insertRegistry(tx: Tx, row: RegistryRow): Promise<boolean> {
  const count = await tx.$executeRaw`
    insert into registry (host, endpoint, mirrors, kind, priority, insecure, ca, credential, max_connections,
                          requests_per_minute, bytes_per_second)
    values (${row.host}, ${row.endpoint}, ${row.mirrors}, ${row.kind}, ${row.priority}, ${row.insecure}, ${row.ca},
            ${row.credential}::bytea, ${row.maxConnections}, ${row.requestsPerMinute}, ${row.bytesPerSecond}::bigint)
    on conflict do nothing`;
  if (count === 1) await notify(tx, [registryTopic]);
  return count === 1;
}

export async function updateRegistry(tx: Tx, row: RegistryRow): Promise<void> {
  await tx.$executeRaw`
    update registry set endpoint = ${row.endpoint}, mirrors = ${row.mirrors}, kind = ${row.kind},
           priority = ${row.priority}, insecure = ${row.insecure}, ca = ${row.ca}, credential = ${row.credential}::bytea,
           max_connections = ${row.maxConnections}, requests_per_minute = ${row.requestsPerMinute},
           bytes_per_second = ${row.bytesPerSecond}::bigint, updated_at = now()
     where host = ${row.host}`;
  await notify(tx, [registryTopic]);
}

export async function deleteRegistry(tx: Tx, host: string): Promise<void> {
  await tx.$executeRaw`delete from registry where host = ${host}`;
  await notify(tx, [registryTopic]);
}
