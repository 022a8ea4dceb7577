import { isDeepStrictEqual } from 'node:util';
import {
  acceptedManifestTypes,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  maxManifestBytes,
  parseRepository,
  type Reference,
  repositoryName,
} from '@entrepot/oci';
import { AccessPasses } from './access.js';
import { Connections } from './connections.js';
import { Download } from './download.js';
import { Endpoints } from './endpoints.js';
import {
  ContentMismatchError,
  ContentTooLargeError,
  RegistryError,
  RegistryLimitedError,
  RegistryProtocolError,
  RegistryUnauthorizedError,
} from './errors.js';
import { headerOf, type ResponseHead } from './exchange.js';
import { SmallBody } from './hops.js';
import { mirrorsOf, originOf, type Place, searchPlaceOf } from './place.js';
import { collectReferrers, fallbackTag, parseReferrers } from './referrers.js';
import type { RequestContext } from './request-context.js';
import { openGate, type RequestGate } from './request-gate.js';
import { bodyPolicy, isTransient, type RetryPolicy, requestPolicy, retrying, waitToRetry } from './retry.js';
import type { SearchAnswer } from './search/search-hit.js';
import { type SearchQuery, searchRegistry } from './search/search-registry.js';
import { SearchedRegistry } from './search/searched-registry.js';
import type { Subject } from './subject.js';
import { listPages } from './tags.js';
import { Transport } from './transport.js';
import { type Credential, isOpenToPlain, type Upstream } from './upstream.js';

export interface RegistryClientOptions {
  upstreams?: Upstream[];
  /** Without a byte for this long a connection counts as broken; default 30 000. */
  idleTimeoutMs?: number;
  connectTimeoutMs?: number;
  userAgent?: string;
  /** Where requests wait for what their registries allow; default nowhere. */
  gate?: RequestGate;
  /** For tests: how often and how long to wait between tries. */
  retry?: { requests?: Partial<RetryPolicy>; bodies?: Partial<RetryPolicy> };
}

/** A manifest as the registry sent it, its bytes checked against the digest. */
export interface FetchedManifest {
  bytes: Buffer;
  mediaType: string;
  digest: Digest;
}

export interface DownloadOptions extends RequestContext {
  /** Where to go on, 0 when not given. */
  fromByte?: number;
  /** The chunk is good until the call returns. A promise pauses the socket until it settles. */
  onChunk(chunk: Buffer): void | Promise<void>;
}

const defaultIdleTimeoutMs = 30_000;
const defaultConnectTimeoutMs = 10_000;
const defaultMaxBlobBytes = 8 * 1024 * 1024;

/**
 * Client of the distribution API (https://github.com/opencontainers/distribution-spec): mirrors first, then the
 * registry; transient faults are tried again within a call. All methods throw subclasses of RegistryError.
 */
export class RegistryClient {
  #upstreams = new Map<string, Upstream>();
  readonly #connections = new Map<string, Connections>();
  readonly #endpoints = new Endpoints();
  readonly #transport: Transport;
  readonly #requests: RetryPolicy;
  readonly #bodies: RetryPolicy;

  constructor(private readonly options: RegistryClientOptions = {}) {
    this.setUpstreams(options.upstreams ?? []);
    const idleTimeoutMs = options.idleTimeoutMs ?? defaultIdleTimeoutMs;
    const userAgent = options.userAgent ?? 'entrepot/0.1';
    this.#transport = new Transport(new AccessPasses(), idleTimeoutMs, userAgent, options.gate ?? openGate);
    this.#requests = { ...requestPolicy, ...options.retry?.requests };
    this.#bodies = { ...bodyPolicy, ...options.retry?.bodies };
  }

  /** Replaces what is configured. What runs goes on as it began; new requests use the new settings. */
  setUpstreams(upstreams: readonly Upstream[]): void {
    const before = this.#upstreams;
    this.#upstreams = new Map(upstreams.map((upstream) => [upstream.host, upstream]));
    for (const [host, connections] of this.#connections) {
      if (isDeepStrictEqual(before.get(host), this.#upstreams.get(host))) continue;
      this.#connections.delete(host);
      connections.retire();
    }
  }

  /** What a name stands for now: one HEAD where the registry answers it fully, else with the manifest itself. */
  async resolve(
    reference: Reference,
    context: RequestContext,
  ): Promise<{ descriptor: Descriptor; manifest?: FetchedManifest }> {
    const repository = repositoryName(reference);
    const name = reference.digest ?? reference.tag ?? 'latest';
    return this.#atPlaces(repository, context, async (place, credential) => {
      const subject = manifestSubject(repository, name);
      const head = await this.#transport
        .ask(place, {
          subject,
          method: 'HEAD',
          headers: manifestHeaders,
          credential,
          context,
          onHead: ignoreBody,
        })
        .catch((error: unknown) => {
          // Some registries answer HEAD on manifests with nonsense; GET decides.
          if (error instanceof RegistryProtocolError && error.status !== undefined) return null;
          throw error;
        });
      const descriptor = head && descriptorOf(head);
      if (descriptor) return { descriptor };
      const manifest = await this.#fetchManifest(place, subject, name, credential, context);
      const { digest, mediaType, bytes } = manifest;
      return { descriptor: { mediaType, digest, sizeBytes: bytes.length }, manifest };
    });
  }

  /** @throws {ContentMismatchError} the bytes are not those of the digest; @throws {ContentTooLargeError} over 4 MiB */
  async getManifest(repository: string, digestOrTag: string, context: RequestContext): Promise<FetchedManifest> {
    return this.#atPlaces(repository, context, (place, credential) =>
      this.#fetchManifest(place, manifestSubject(repository, digestOrTag), digestOrTag, credential, context),
    );
  }

  /** Streams a blob; goes on by Range after a broken connection. Does not hash: whoever takes the bytes does. */
  async downloadBlob(repository: string, descriptor: Descriptor, options: DownloadOptions): Promise<void> {
    const download = new Download(descriptor, options.fromByte ?? 0, options.onChunk);
    if (download.isComplete) return;
    const subject = blobSubject(repository, descriptor.digest);
    const { origin, mirrors, credential } = await this.#placesOf(repository, options);
    for (const place of mirrors) {
      try {
        return await this.#downloadFrom(place, subject, download, undefined, { ...options, onRetry: undefined }, 1);
      } catch (error) {
        tellLimit(error, options);
        if (!(error instanceof RegistryError)) throw error;
      }
    }
    await this.#downloadFrom(origin, subject, download, credential, options, this.#bodies.attempts);
  }

  /** A small blob as a whole, checked. */
  async getBlob(
    repository: string,
    descriptor: Descriptor,
    context: RequestContext,
    maxBytes = defaultMaxBlobBytes,
  ): Promise<Buffer> {
    const { digest, sizeBytes } = descriptor;
    const { host } = (await this.#placesOf(repository, context)).origin;
    if (sizeBytes > maxBytes) throw new ContentTooLargeError(host, `blob ${digest}`, maxBytes);
    const body = new SmallBody(sizeBytes);
    await this.downloadBlob(repository, descriptor, { ...context, onChunk: (chunk) => void body.take(chunk) });
    const bytes = body.bytes();
    const actual = digestOf(bytes, digestAlgorithm(digest));
    if (actual !== digest) throw new ContentMismatchError(host, `blob ${digest} from ${host}: got ${actual}`);
    return bytes;
  }

  /** All tags, page by page. */
  async *listTags(repository: string, context: RequestContext): AsyncIterable<string[]> {
    const { origin, credential } = await this.#placesOf(repository, context);
    const subject: Subject = { kind: 'tags', repository, path: parseRepository(repository).path };
    yield* listPages(origin, (url) => this.#page(origin, { subject, url, credential }, 'list of tags', context));
  }

  /**
   * What refers to a manifest as its subject, asked of the registry itself: by its API, or by the tag that stands in for it.
   *
   * @throws {RegistryProtocolError} a list that makes no sense, or of more than a thousand entries
   */
  async listReferrers(repository: string, digest: Digest, context: RequestContext): Promise<Descriptor[]> {
    const { origin, credential } = await this.#placesOf(repository, context);
    const subject: Subject = { kind: 'referrers', repository, path: parseRepository(repository).path, digest };
    try {
      return await collectReferrers(origin, (url) =>
        this.#page(origin, { subject, url, credential }, 'list of referrers', context),
      );
    } catch (error) {
      if (!(error instanceof RegistryError) || ![400, 404, 405].includes(error.status ?? 0)) throw error;
    }
    try {
      const fallback = await this.getManifest(repository, fallbackTag(digest), { ...context, withoutMirrors: true });
      return parseReferrers(origin, fallback.bytes);
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return [];
      throw error;
    }
  }

  /**
   * Searches one registry in the way of its kind, once and within a time-out. Mirrors are not asked.
   *
   * @throws {RegistryUnreachableError} also when the time is up
   * @throws {ContentTooLargeError} an answer of more than 2 MiB
   */
  async search(host: string, query: SearchQuery): Promise<SearchAnswer> {
    const { origin, upstream } = await this.#places(host);
    const place = searchPlaceOf(upstream, origin.connections);
    const kind = upstream.kind ?? (host === 'docker.io' ? 'docker-hub' : 'distribution');
    const credential = query.credential ?? upstream.credential;
    const open = (signal: AbortSignal) => new SearchedRegistry(place, this.#transport, credential, signal);
    return searchRegistry(host, kind, query, open);
  }

  /** Where a registry is, with a slash at its end: as configured, or as it was found. */
  async addressOf(host: string): Promise<string> {
    return (await this.#places(host)).origin.base.href;
  }

  /** Asks `/v2/` with the credential. @throws {RegistryUnauthorizedError} it is refused */
  async checkLogin(host: string, credential: Credential, context: RequestContext = {}): Promise<void> {
    const { origin } = await this.#places(host);
    await retrying(this.#requests, context, () =>
      this.#transport.ask(origin, {
        subject: { kind: 'ping' },
        method: 'GET',
        credential,
        context,
        onHead: ignoreBody,
      }),
    );
  }

  /**
   * Asks `/v2/` as it is configured, once. A registry that wants a credential where none is configured answers too.
   *
   * @throws {RegistryUnauthorizedError} the configured credential is refused
   */
  async checkConnection(host: string, context: RequestContext = {}): Promise<{ authenticated: boolean }> {
    const { origin, upstream } = await this.#places(host);
    const { credential } = upstream;
    try {
      await this.#transport.ask(origin, {
        subject: { kind: 'ping' },
        method: 'GET',
        credential,
        context,
        onHead: ignoreBody,
      });
      return { authenticated: true };
    } catch (error) {
      if (error instanceof RegistryUnauthorizedError && credential === undefined) return { authenticated: false };
      throw error;
    }
  }

  /** Cuts what is still running. */
  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connections) => connections.close()));
  }

  /** One page of a list. */
  #page(
    place: Place,
    { subject, url, credential }: { subject: Subject; url: URL | undefined; credential: Credential | undefined },
    what: string,
    context: RequestContext,
  ): Promise<{ head: ResponseHead; body: Buffer }> {
    return retrying(this.#requests, context, async () => {
      const body = new SmallBody(maxManifestBytes);
      const ask = { subject, method: 'GET' as const, url, credential, context, onHead: () => body.take };
      const head = await this.#transport.ask(place, ask);
      if (body.isCut) throw new ContentTooLargeError(place.host, what, maxManifestBytes);
      return { head, body: body.bytes() };
    });
  }

  async #fetchManifest(
    place: Place,
    subject: Subject,
    name: string,
    credential: Credential | undefined,
    context: RequestContext,
  ): Promise<FetchedManifest> {
    const body = new SmallBody(maxManifestBytes);
    const onHead = (found: ResponseHead) => {
      if (Number(headerOf(found, 'content-length') ?? 0) > maxManifestBytes) body.isCut = true;
      return body.take;
    };
    const head = await this.#transport.ask(place, {
      subject,
      method: 'GET',
      headers: manifestHeaders,
      credential,
      context,
      onHead,
    });
    if (body.isCut) throw new ContentTooLargeError(place.host, `manifest ${name}`, maxManifestBytes);
    const bytes = body.bytes();
    const promised = isDigest(name) ? name : headerOf(head, 'docker-content-digest');
    const algorithm = isDigest(promised ?? '') ? digestAlgorithm(promised as Digest) : 'sha256';
    const digest = digestOf(bytes, algorithm);
    if (isDigest(promised ?? '') && promised !== digest) {
      throw new ContentMismatchError(
        place.host,
        `manifest ${name} from ${place.host}: expected ${promised}, got ${digest}`,
      );
    }
    return { bytes, digest, mediaType: mediaTypeOf(head) };
  }

  async #downloadFrom(
    place: Place,
    subject: Subject,
    download: Download,
    credential: Credential | undefined,
    options: DownloadOptions,
    attempts: number,
  ): Promise<void> {
    for (let failures = 0; ; ) {
      const before = download.receivedBytes;
      try {
        const onHead = (head: ResponseHead) => download.accept(place, head);
        await this.#transport.ask(place, {
          subject,
          method: 'GET',
          headers: download.headers(),
          credential,
          context: options,
          onHead,
        });
        return download.checkEnd(place);
      } catch (error) {
        tellLimit(error, options);
        if (download.receivedBytes > before) failures = 0;
        failures += 1;
        if (!isTransient(error) || failures >= attempts) throw error;
        await waitToRetry(this.#bodies, failures, options, error);
      }
    }
  }

  /** Asks mirrors, then the registry; a mirror that fails in any way only costs its time. */
  async #atPlaces<T>(
    repository: string,
    context: RequestContext,
    ask: (place: Place, credential: Credential | undefined) => Promise<T>,
  ): Promise<T> {
    const { origin, mirrors, credential } = await this.#placesOf(repository, context);
    for (const place of mirrors) {
      try {
        return await ask(place, undefined);
      } catch (error) {
        tellLimit(error, context);
        if (!(error instanceof RegistryError)) throw error;
      }
    }
    try {
      return await retrying(this.#requests, context, () => ask(origin, credential));
    } catch (error) {
      tellLimit(error, context);
      throw error;
    }
  }

  async #placesOf(repository: string, context: RequestContext) {
    const { origin, mirrors, upstream } = await this.#places(parseRepository(repository).domain);
    return {
      origin,
      mirrors: context.withoutMirrors ? [] : mirrors,
      credential: context.credential ?? upstream.credential,
    };
  }

  async #places(host: string): Promise<{ origin: Place; mirrors: Place[]; upstream: Upstream }> {
    const upstream = this.#upstreams.get(host) ?? { host };
    let connections = this.#connections.get(host);
    if (!connections) {
      const { ca, maxConnections } = upstream;
      const insecure = upstream.insecure === true || isOpenToPlain(upstream);
      const connectTimeoutMs = this.options.connectTimeoutMs ?? defaultConnectTimeoutMs;
      connections = new Connections({ insecure, ca, maxConnections, connectTimeoutMs });
      this.#connections.set(host, connections);
    }
    const reached = { ...upstream, endpoint: await this.#endpoints.find(upstream, connections) };
    return { origin: originOf(reached, connections), mirrors: mirrorsOf(reached, connections), upstream: reached };
  }
}

const manifestHeaders = { accept: acceptedManifestTypes.join(', ') };
const ignoreBody = () => () => {};

function manifestSubject(repository: string, reference: string): Subject {
  return { kind: 'manifest', repository, path: parseRepository(repository).path, reference };
}

function blobSubject(repository: string, digest: Digest): Subject {
  return { kind: 'blob', repository, path: parseRepository(repository).path, digest };
}

function descriptorOf(head: ResponseHead): Descriptor | null {
  const digest = headerOf(head, 'docker-content-digest') ?? '';
  const sizeBytes = Number(headerOf(head, 'content-length') ?? Number.NaN);
  if (!isDigest(digest) || !Number.isSafeInteger(sizeBytes)) return null;
  return { mediaType: mediaTypeOf(head), digest, sizeBytes };
}

const mediaTypeOf = (head: ResponseHead): string => (headerOf(head, 'content-type') ?? '').replace(/;.*$/, '').trim();

function tellLimit(error: unknown, context: RequestContext): void {
  if (error instanceof RegistryLimitedError)
    context.onWait?.({ host: error.host, until: error.until, reason: error.reason });
}
