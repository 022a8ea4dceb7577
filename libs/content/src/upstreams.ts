import { type Database, listRegistries, type RegistryKind, type RegistryRow, registryTopic } from '@entrepot/database';
import type { SecretBox } from './secret-box.js';

/** An upstream registry as it is configured, by file or by API. What is left out has the default of its reader. */
export interface Upstream {
  host: string;
  endpoint?: string;
  mirrors?: string[];
  insecure?: boolean;
  /** PEM text. */
  ca?: string;
  credential?: { username: string; password: string };
  /** Of each process. */
  maxConnections?: number;
  /** All processes together. */
  requestsPerMinute?: number;
  /** All processes together. */
  bytesPerSecond?: number;
  kind: RegistryKind;
  /** Lower ones are asked first in a search. */
  priority: number;
  /** Where it is configured. */
  source: 'file' | 'api';
}

/** An entry of the file: as an upstream, but for what is told from the host when it is not said. */
export type UpstreamEntry = Omit<Upstream, 'kind' | 'priority' | 'source'> &
  Partial<Pick<Upstream, 'kind' | 'priority'>>;

export interface UpstreamsOptions {
  database: Database;
  secretBox: SecretBox;
  /** What the file says; rows of the same host stand over it. */
  baseline: readonly UpstreamEntry[];
  /** Called with the first list, and with every one that follows. */
  onChange?(upstreams: readonly Upstream[]): void;
  /** The database or a stored credential cannot be read; what was known stays. */
  onError(error: unknown): void;
}

/** The upstream registries as they are now. */
export interface Upstreams {
  /** Lower priority first, then by host. */
  list(): readonly Upstream[];
  find(host: string): Upstream | undefined;
  /** Reads them now, so that a change that was made before is seen. */
  refresh(): Promise<void>;
  close(): void;
}

const lookAnywayMs = 60_000;

/** Reads the registries, and again whenever somebody changes one. The caller closes it. */
export async function openUpstreams(options: UpstreamsOptions): Promise<Upstreams> {
  const { database, onChange, onError } = options;
  let known: readonly Upstream[] = merge(options, []);
  let reading = Promise.resolve();
  const read = async (): Promise<void> => {
    known = merge(options, await listRegistries(database.prisma));
    onChange?.(known);
  };
  // One after another, so that an older answer never comes last.
  const readNext = (): Promise<void> => {
    reading = reading.then(read).catch(onError);
    return reading;
  };
  const ignore = database.signals.on(registryTopic, () => void readNext());
  const timer = setInterval(() => void readNext(), lookAnywayMs);
  onChange?.(known);
  await readNext();
  return {
    list: () => known,
    find: (host) => known.find((upstream) => upstream.host === host),
    refresh: readNext,
    close: () => {
      clearInterval(timer);
      ignore();
    },
  };
}

function merge({ baseline, secretBox, onError }: UpstreamsOptions, rows: readonly RegistryRow[]): Upstream[] {
  const hosts = new Set(rows.map(({ host }) => host));
  const fromFile = baseline
    .filter(({ host }) => !hosts.has(host))
    .map((entry): Upstream => ({ ...withDefaults(entry), source: 'file' }));
  const fromApi = rows.map(({ credential, ...row }): Upstream => {
    const given = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
    return {
      ...withDefaults({ ...given, host: row.host }),
      credential: openCredential(secretBox, credential, onError),
      source: 'api',
    };
  });
  return [...fromFile, ...fromApi].sort((a, b) => a.priority - b.priority || (a.host < b.host ? -1 : 1));
}

function withDefaults(entry: UpstreamEntry): Omit<Upstream, 'source'> {
  const { kind = kindOf(entry.host), priority = entry.host === 'docker.io' ? 0 : 100, ...rest } = entry;
  return { ...rest, kind, priority };
}

function kindOf(host: string): RegistryKind {
  return host === 'docker.io' ? 'docker-hub' : host === 'quay.io' ? 'quay' : 'distribution';
}

/** Without its credential a registry may still serve what is public. */
function openCredential(
  secretBox: SecretBox,
  sealed: Uint8Array | null,
  onError: (error: unknown) => void,
): Upstream['credential'] {
  if (sealed === null) return undefined;
  try {
    return JSON.parse(secretBox.open(sealed)) as Upstream['credential'];
  } catch (error) {
    onError(error);
    return undefined;
  }
}
