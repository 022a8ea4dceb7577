import type { Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { classifyAddress } from './address-class.js';
import { guardedLookup, type Reach } from './hop-safety.js';
import { guardPausedSocket } from './paused-socket.js';
import { readIntoSharedBuffer, sharedBufferOption } from './reused-buffer.js';

export interface ConnectionOptions {
  /** Any certificate will do. */
  insecure?: boolean;
  ca?: string;
  maxConnections?: number;
  connectTimeoutMs: number;
}

const maxRemembered = 1000;
const keepAliveMs = 10_000;

/**
 * The sockets for registries with the same TLS settings. Addresses that a
 * registry names, other than its own, are reached through a lookup that stays
 * within the registry's reach.
 */
export class Connections {
  readonly #direct: Agent;
  readonly #guarded = new Map<Reach, Agent>();
  /** Registries, by host, that answered from the internet or from a private network. */
  readonly #seen = new Map<string, Reach>();

  constructor(private readonly options: ConnectionOptions) {
    this.#direct = this.#agent((host, socket) => this.#remember(host, socket));
  }

  /** For the registry itself, wherever it is. */
  get direct(): Dispatcher {
    return this.#direct;
  }

  /** For a place that a registry of this reach has named. */
  guarded(reach: Reach): Dispatcher {
    const agent = this.#guarded.get(reach) ?? this.#agent(() => {}, reach);
    this.#guarded.set(reach, agent);
    return agent;
  }

  /** How far a registry has turned out to be. Once seen on the internet it stays there. */
  reachOf(hostname: string): Reach {
    return this.#seen.get(hostname) ?? 'public';
  }

  /** Closes each socket when what runs on it has ended. */
  retire(): void {
    for (const agent of [this.#direct, ...this.#guarded.values()]) void agent.close().catch(() => {});
  }

  /** Cuts what is still running. */
  async close(): Promise<void> {
    await Promise.all([this.#direct, ...this.#guarded.values()].map((agent) => agent.destroy()));
  }

  #agent(onConnected: (hostname: string, socket: Socket) => void, reach?: Reach): Agent {
    return new Agent({
      connect: watched(this.#connector(reach), onConnected),
      connections: this.options.maxConnections ?? null,
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
    });
  }

  #connector(reach?: Reach): buildConnector.connector {
    const { ca, insecure = false, connectTimeoutMs } = this.options;
    return buildConnector({
      timeout: connectTimeoutMs,
      allowH2: false,
      rejectUnauthorized: !insecure,
      ...sharedBufferOption(),
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      ...(reach === undefined ? {} : { lookup: guardedLookup(reach) }),
    });
  }

  #remember(host: string, socket: Socket): void {
    const found = classifyAddress(socket.remoteAddress ?? '');
    const isPublic = found === 'public' || found === 'forbidden' || this.#seen.get(host) === 'public';
    this.#seen.set(host, isPublic ? 'public' : found);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > maxRemembered && oldest !== undefined) this.#seen.delete(oldest);
  }
}

function watched(
  connect: buildConnector.connector,
  onConnected: (hostname: string, socket: Socket) => void,
): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      guardPausedSocket(socket);
      readIntoSharedBuffer(socket);
      onConnected(options.hostname, socket);
      return callback(null, socket);
    });
}
