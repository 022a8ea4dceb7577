// The limits of registries, kept by all pullers together. A registry without limits costs no query, but for what it says
// itself: "too many requests", and how many pulls it still allows.
import { randomUUID } from 'node:crypto';
import type { SecretBox, Upstreams } from '@entrepot/content';
import {
  type Database,
  keepConnection,
  limitRegistry,
  listLimitedRegistries,
  registryLimitTopic,
  releaseConnection,
  saveQuota,
  spendQuota,
  takeBudget,
  takeConnection,
} from '@entrepot/database';
import type { Logger } from '@entrepot/observability';
import { type GateRequest, type Passage, RegistryLimitedError, type RequestGate } from '@entrepot/registry-client';
import { pause } from './periodic.js';
import { byteGrant, quotaReserve, readQuota, requestBudget } from './registry-limits.js';

const leaseMs = 15_000;
const renewEveryMs = 1_000;
const urgentMs = 2_000;
const lookAgainMs = 100;
/** A batch that waits longer gives its slot to another registry's work. */
const batchPatienceMs = 2_000;
const parkMs = 5_000;

type ResponseHead = Parameters<Passage['answered']>[0];

interface GateParts {
  database: Database;
  findUpstream: Upstreams['find'];
  secretBox: SecretBox;
  logger: Logger;
}

/** Opens the gate of a process; the caller closes it. */
export function openRegistryGate(parts: GateParts): RequestGate & { close(): void } {
  return new RegistryGate(parts);
}

class RegistryGate implements RequestGate {
  /** Until when registries refuse, by this process' monotonic clock. */
  readonly #limited = new Map<string, { untilMs: number; reason: string }>();
  readonly #ignore: () => void;
  readonly #ready: Promise<void>;

  constructor(private readonly parts: GateParts) {
    this.#ignore = parts.database.signals.on(registryLimitTopic, () => void this.#readLimits());
    this.#ready = this.#readLimits();
  }

  async enter(request: GateRequest): Promise<Passage> {
    await this.#ready;
    this.#checkLimited(request);
    await this.#spendQuota(request);
    await this.#takeRequest(request);
    return new GatePassage(this.parts, request, await this.#connect(request), this);
  }

  close(): void {
    this.#ignore();
  }

  /** Also told to the other processes. */
  async limit(host: string, error: RegistryLimitedError): Promise<void> {
    const waitMs = error.until.getTime() - Date.now();
    if (error.status === undefined || waitMs <= 0) return;
    this.#limited.set(host, { untilMs: performance.now() + waitMs, reason: error.reason });
    await limitRegistry(this.parts.database.prisma, { host, waitMs, reason: error.reason });
  }

  async takeRequest(request: GateRequest): Promise<void> {
    await this.#takeRequest(request);
  }

  async #readLimits(): Promise<void> {
    try {
      for (const { host, waitMs, reason } of await listLimitedRegistries(this.parts.database.prisma)) {
        this.#limited.set(host, { untilMs: performance.now() + waitMs, reason });
      }
    } catch (error) {
      this.parts.logger.warn({ err: error }, 'the limits of registries were not read');
    }
  }

  #checkLimited({ host }: GateRequest): void {
    const limit = this.#limited.get(host);
    const waitMs = (limit?.untilMs ?? 0) - performance.now();
    if (limit === undefined) return;
    if (waitMs <= 0) this.#limited.delete(host);
    else throw new RegistryLimitedError(host, new Date(Date.now() + waitMs), limit.reason, { status: 429 });
  }

  /** Only a GET of a manifest counts as a pull. */
  async #spendQuota({ host, kind, method, isUrgent, credential }: GateRequest): Promise<void> {
    if (isUrgent || kind !== 'manifest' || method !== 'GET') return;
    const credentialKey = this.keyOf(credential);
    const short = await spendQuota(this.parts.database.prisma, { host, credentialKey, reserveShare: quotaReserve });
    if (short === null) return;
    const reason = `${short.remaining} of ${short.limit} pulls are left at ${host}, which are kept for people`;
    throw new RegistryLimitedError(host, new Date(Date.now() + short.waitMs), reason);
  }

  async #takeRequest({ host, isUrgent, signal }: GateRequest): Promise<void> {
    const perMinute = this.parts.findUpstream(host)?.requestsPerMinute;
    if (perMinute === undefined) return;
    const budget = { host, kind: 'requests' as const, ...requestBudget(perMinute, isUrgent), mayWait: isUrgent };
    const startedAtMs = performance.now();
    for (;;) {
      const waitMs = await takeBudget(this.parts.database.prisma, budget);
      if (waitMs > 0) await sleep(Math.min(waitMs, batchPatienceMs), signal);
      if (waitMs === 0) return;
      if (isUrgent) return await sleep(waitMs - Math.min(waitMs, batchPatienceMs), signal);
      if (performance.now() - startedAtMs < batchPatienceMs) continue;
      throw ownLimit(host, waitMs, `our limit of ${perMinute} requests a minute to ${host} is reached`);
    }
  }

  async #connect({ host, isUrgent, signal }: GateRequest): Promise<{ slot: number; holder: string } | null> {
    const most = this.parts.findUpstream(host)?.maxConnections;
    if (most === undefined) return null;
    const wish = { host, holder: randomUUID(), most, leaseMs, isUrgent, urgentMs };
    const startedAtMs = performance.now();
    for (;;) {
      const slot = await takeConnection(this.parts.database.prisma, wish);
      if (slot !== null) return { slot, holder: wish.holder };
      if (!isUrgent && performance.now() - startedAtMs >= batchPatienceMs) {
        throw ownLimit(host, parkMs, `our limit of ${most} connections to ${host} is reached`);
      }
      await sleep(lookAgainMs * (0.5 + Math.random()), signal);
    }
  }

  keyOf(credential: GateRequest['credential']): string {
    return credential === undefined ? '' : this.parts.secretBox.fingerprint(JSON.stringify(credential));
  }
}

class GatePassage implements Passage {
  readonly #renewal: NodeJS.Timeout | undefined;
  #granted = 0;

  constructor(
    private readonly parts: GateParts,
    private readonly request: GateRequest,
    private readonly connection: { slot: number; holder: string } | null,
    private readonly gate: RegistryGate,
  ) {
    if (connection !== null) this.#renewal = setInterval(() => void this.#renew(), renewEveryMs);
  }

  async again(): Promise<void> {
    await this.gate.takeRequest(this.request);
  }

  take(bytes: number): void | Promise<void> {
    const bytesPerSecond = this.parts.findUpstream(this.request.host)?.bytesPerSecond;
    if (bytesPerSecond === undefined) return;
    this.#granted -= bytes;
    if (this.#granted < 0) return this.#takeBytes(bytesPerSecond);
  }

  answered({ headers }: ResponseHead): void {
    const said = this.request.kind === 'manifest' ? readQuota(headers) : null;
    if (said === null) return;
    const credentialKey = this.gate.keyOf(this.request.credential);
    saveQuota(this.parts.database.prisma, { host: this.request.host, credentialKey, ...said }).catch((error: unknown) =>
      this.parts.logger.warn({ err: error }, 'the quota of a registry was not noted'),
    );
  }

  async limited(error: RegistryLimitedError): Promise<void> {
    await this.gate.limit(this.request.host, error);
  }

  leave(): void {
    clearInterval(this.#renewal);
    const { connection, request } = this;
    if (connection === null) return;
    // One that could not be given back is free when its lease has run out.
    releaseConnection(this.parts.database.prisma, { host: request.host, ...connection }).catch(() => {});
  }

  async #takeBytes(bytesPerSecond: number): Promise<void> {
    const bytes = Math.max(byteGrant(bytesPerSecond), -this.#granted);
    this.#granted += bytes;
    const costMs = (bytes * 1000) / bytesPerSecond;
    const budget = { host: this.request.host, kind: 'bytes' as const, costMs, burstMs: 0, mayWait: true };
    await sleep(await takeBudget(this.parts.database.prisma, budget), this.request.signal);
  }

  async #renew(): Promise<void> {
    const { connection, request } = this;
    if (connection === null) return;
    const lease = { host: request.host, ...connection, leaseMs };
    const kept = await keepConnection(this.parts.database.prisma, lease).catch(() => null);
    if (kept?.wanted && !request.isUrgent) request.onYield?.();
  }
}

function ownLimit(host: string, waitMs: number, reason: string): RegistryLimitedError {
  return new RegistryLimitedError(host, new Date(Date.now() + waitMs), reason);
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms > 0) await pause(ms, signal ?? never);
  signal?.throwIfAborted();
}

const never = new AbortController().signal;
