import { X509Certificate } from 'node:crypto';
import { normalizeRegistryHost, type ServiceConfig } from '@entrepot/config';
import { createSecretBox, type SecretBox, type Upstream, type Upstreams } from '@entrepot/content';
import {
  type Database,
  deleteRegistry as deleteRow,
  type EventChange,
  insertEvents,
  insertRegistry,
  lockRegistry,
  type RegistryRow,
  type Tx,
  updateRegistry,
} from '@entrepot/database';
import { isCodedError } from '@entrepot/oci';
import {
  changeRegistry,
  createRegistry,
  deleteRegistry,
  type EndpointOutput,
  getRegistry,
  listRegistries,
  testRegistry,
} from '@entrepot/platform-api';
import type { RegistryClient } from '@entrepot/registry-client';
import { Controller, Inject } from '@nestjs/common';
import { CONFIG, DATABASE, REGISTRY_CLIENT, UPSTREAMS } from '../providers.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

type Settings = Call<typeof changeRegistry>['body'];

const testWithinMs = 15_000;

/** Upstream registries: how they are reached, and whether they answer. */
@Controller()
export class RegistriesController {
  readonly #secretBox: SecretBox;

  constructor(
    @Inject(CONFIG) config: ServiceConfig,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(UPSTREAMS) private readonly upstreams: Upstreams,
    @Inject(REGISTRY_CLIENT) private readonly client: RegistryClient,
  ) {
    this.#secretBox = createSecretBox(config.secretKey);
  }

  @Handles(listRegistries)
  async list(_: Call<typeof listRegistries>): Promise<Answer<typeof listRegistries>> {
    return { items: this.upstreams.list().map(registryJson) };
  }

  @Handles(getRegistry)
  async get({ params }: Call<typeof getRegistry>): Promise<Answer<typeof getRegistry>> {
    return registryJson(this.#find(readHost(params.host)));
  }

  @Handles(createRegistry)
  async create({ body }: Call<typeof createRegistry>): Promise<Answer<typeof createRegistry>> {
    const { host: text, ...settings } = body;
    const host = readHost(text);
    const row = this.#apply({ host, ...unset }, settings);
    await this.database.transaction(async (tx) => {
      if (!(await insertRegistry(tx, row))) {
        throw new PlatformError(409, 'REGISTRY_EXISTS', `registry ${host} is configured already`);
      }
      await tell(tx, 'create', host, { from: null, to: visible(row) });
    });
    await this.upstreams.refresh();
    return registryJson(this.#find(host));
  }

  @Handles(changeRegistry)
  async change({ params, body }: Call<typeof changeRegistry>): Promise<Answer<typeof changeRegistry>> {
    const host = readHost(params.host);
    await this.database.transaction(async (tx) => {
      const before = await this.#lock(tx, host);
      const after = this.#apply(before, body);
      await updateRegistry(tx, after);
      await tell(tx, 'change', host, { from: visible(before), to: visible(after) });
    });
    await this.upstreams.refresh();
    return registryJson(this.#find(host));
  }

  @Handles(deleteRegistry)
  async delete({ params }: Call<typeof deleteRegistry>): Promise<undefined> {
    const host = readHost(params.host);
    await this.database.transaction(async (tx) => {
      const before = await this.#lock(tx, host);
      await deleteRow(tx, host);
      await tell(tx, 'delete', host, { from: visible(before), to: null });
    });
    await this.upstreams.refresh();
    return undefined;
  }

  @Handles(testRegistry)
  async test({ params, signal }: Call<typeof testRegistry>): Promise<Answer<typeof testRegistry>> {
    const { host } = this.#find(readHost(params.host));
    const startedAt = performance.now();
    const took = (): number => Math.round(performance.now() - startedAt);
    try {
      const context = { signal: AbortSignal.any([signal, AbortSignal.timeout(testWithinMs)]) };
      const { authenticated } = await this.client.checkConnection(host, context);
      return { ok: true, authenticated, durationMs: took(), error: null };
    } catch (error) {
      const known = isCodedError(error);
      const message = known ? error.message : `${host} has not answered within ${testWithinMs / 1000} s`;
      const failure = { code: known ? error.code : 'TIMED_OUT', message };
      return { ok: false, authenticated: false, durationMs: took(), error: failure };
    }
  }

  #find(host: string): Upstream {
    const found = this.upstreams.find(host);
    if (found === undefined) throw new PlatformError(404, 'REGISTRY_NOT_FOUND', `registry ${host} is not configured`);
    return found;
  }

  async #lock(tx: Tx, host: string): Promise<RegistryRow> {
    const row = await lockRegistry(tx, host);
    if (row !== null) return row;
    const { source } = this.#find(host);
    const why = source === 'file' ? `registry ${host} is configured in a file; create it here to stand over it` : host;
    throw new PlatformError(source === 'file' ? 409 : 404, 'REGISTRY_NOT_FOUND', why);
  }

  /** What is not said stays. */
  #apply(row: RegistryRow, { credential, limits, ca, ...rest }: Settings): RegistryRow {
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const sealed = credential ? this.#secretBox.seal(JSON.stringify(credential)) : null;
    return {
      ...row,
      ...given,
      ...(ca === undefined ? {} : { ca: readCertificates(ca) }),
      ...(credential === undefined ? {} : { credential: sealed }),
      ...(limits === undefined ? {} : { maxConnections: limits.connections }),
      ...(limits === undefined ? {} : { requestsPerMinute: limits.requestsPerMinute }),
      ...(limits === undefined ? {} : { bytesPerSecond: limits.bytesPerSecond }),
    };
  }
}

const unset: Omit<RegistryRow, 'host'> = {
  ...{ endpoint: null, mirrors: [], kind: null, priority: null, insecure: false, ca: null, credential: null },
  ...{ maxConnections: null, requestsPerMinute: null, bytesPerSecond: null },
};

function readHost(text: string): string {
  const host = normalizeRegistryHost(text);
  if (host !== null) return host;
  throw new PlatformError(400, 'INVALID_REQUEST', `expected a host like ghcr.io, not ${JSON.stringify(text)}`);
}

function readCertificates(pem: string | null): string | null {
  try {
    if (pem !== null) new X509Certificate(pem);
    return pem;
  } catch {
    const errors = [{ in: 'body' as const, field: 'ca', message: 'expected certificates in PEM' }];
    throw new PlatformError(400, 'INVALID_REQUEST', 'body ca: expected certificates in PEM', { errors });
  }
}

function tell(tx: Tx, action: string, host: string, change: EventChange): Promise<void> {
  return insertEvents(tx, [{ type: 'registry', action, actorId: host, attributes: { name: host }, change }]);
}

/** A row as events may show it: that there is a credential, and nothing of it. */
function visible({ credential, ...row }: RegistryRow): object {
  return { ...row, hasCredential: credential !== null };
}

function registryJson(upstream: Upstream): EndpointOutput<typeof getRegistry> {
  const { host, kind, priority, source } = upstream;
  return {
    ...{ host, kind, priority, source },
    endpoint: upstream.endpoint ?? null,
    mirrors: upstream.mirrors ?? [],
    insecure: upstream.insecure ?? false,
    ca: upstream.ca ?? null,
    hasCredential: upstream.credential !== undefined,
    limits: {
      connections: upstream.maxConnections ?? null,
      requestsPerMinute: upstream.requestsPerMinute ?? null,
      bytesPerSecond: upstream.bytesPerSecond ?? null,
    },
  };
}
