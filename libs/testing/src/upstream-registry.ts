import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Digest } from '@entrepot/oci';
import type { TestCertificate } from './certificate.js';
import { type Answer, errorAnswer, jsonAnswer, sendAnswer } from './upstream/answer.js';
import { UpstreamAuth, type UpstreamAuthOptions } from './upstream/auth.js';
import { blobAnswer, tagsAnswer, UpstreamContent } from './upstream/content.js';
import { Faults, type MatchedRequest, type RequestKind } from './upstream/faults.js';

export interface UpstreamOptions extends UpstreamAuthOptions {
  /** Blobs come from a storage on another port, by a 307 to a signed address that refuses any Authorization. */
  redirectBlobs?: boolean;
  /** Serves the referrers API; default no, as registries of the older specification. */
  referrers?: boolean;
  /** Most tags of one page; default 1000. */
  tagPageSize?: number;
  /** Speaks https with this certificate instead of http; its storage and token endpoint stay plain. */
  certificate?: TestCertificate;
  /** Port of the registry; default any free one. */
  port?: number;
  /** Sees each request to the registry first; true means it has answered. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** One request as it arrived. */
export interface RecordedRequest extends MatchedRequest {
  /** With the query. */
  url: string;
  headers: IncomingHttpHeaders;
  /** What was answered; 0 while, or when, nothing was. */
  status: number;
}

/** Content that goes into a repository as a whole, as the image factory makes it. */
export interface UploadableImage {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
  /** Children of an index, deep. */
  manifests: readonly { mediaType: string; bytes: Buffer }[];
  blobs: readonly { digest: Digest; bytes: Buffer }[];
}

/**
 * Starts a small real registry in this process, with a storage and a token
 * endpoint on ports of their own. Close it at the end.
 */
export async function startUpstream(options: UpstreamOptions = {}): Promise<UpstreamRegistry> {
  const upstream = new UpstreamRegistry(options);
  await upstream.start();
  return upstream;
}

/** A registry whose content, faults and memory of requests a test holds in its hand. Repositories are bare paths. */
export class UpstreamRegistry {
  /** `127.0.0.1:<port>`, as in references. */
  host = '';
  /** `http://127.0.0.1:<port>`, like those of the two servers beside it. */
  url = '';
  storageUrl = '';
  tokenUrl = '';
  readonly faults = new Faults();
  /** Every request in order of arrival, to all three servers. */
  readonly requests: RecordedRequest[] = [];
  readonly #content = new UpstreamContent();
  readonly #auth: UpstreamAuth;
  readonly #registry: Server;
  readonly #storage = createServer((request, response) => void this.#answerStorage(request, response));
  readonly #tokens = createServer((request, response) => void this.#answerToken(request, response));
  #signature = randomBytes(8).toString('hex');

  constructor(private readonly options: UpstreamOptions) {
    this.#auth = new UpstreamAuth(options, () => this.tokenUrl);
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answerRegistry(request, response);
    const { certificate: cert } = options;
    this.#registry = cert
      ? createSecureServer({ cert: cert.certificate, key: cert.key }, answer)
      : createServer(answer);
  }

  async start(): Promise<void> {
    [this.url, this.storageUrl, this.tokenUrl] = await Promise.all([
      listen(this.#registry, this.options.port),
      listen(this.#storage),
      listen(this.#tokens).then((url) => `${url}/token`),
    ]);
    if (this.options.certificate) this.url = this.url.replace('http:', 'https:');
    this.host = new URL(this.url).host;
  }

  /** Cuts all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#registry, this.#storage, this.#tokens].map(stop));
  }

  putBlob(repository: string, bytes: Buffer, digest?: Digest): Digest {
    return this.#content.putBlob(repository, bytes, digest);
  }

  putManifest(repository: string, manifest: { bytes: Buffer; mediaType: string }, ...tags: string[]): Digest {
    return this.#content.putManifest(repository, manifest, tags);
  }

  /** Puts an image or index with all its parts; returns its digest. */
  putImage(repository: string, image: UploadableImage, ...tags: string[]): Digest {
    for (const { bytes, digest } of image.blobs) this.#content.putBlob(repository, bytes, digest);
    for (const child of image.manifests) this.#content.putManifest(repository, child, []);
    return this.#content.putManifest(repository, image, tags);
  }

  deleteBlob(repository: string, digest: string): void {
    this.#content.deleteBlob(repository, digest);
  }

  /** By tag: the tag only. By digest: the manifest. */
  deleteManifest(repository: string, tagOrDigest: string): void {
    this.#content.deleteManifest(repository, tagOrDigest);
  }

  /** Tokens given out so far are refused. */
  expireTokens(): void {
    this.#auth.expireTokens();
  }

  /** Signed addresses given out so far are refused with 403. */
  expireSignatures(): void {
    this.#signature = randomBytes(8).toString('hex');
  }

  /** The requests of one kind, as `GET /v2/…`. */
  requested(kind: RequestKind): string[] {
    return this.requests.filter((request) => request.kind === kind).map(({ method, url }) => `${method} ${url}`);
  }

  async #answerRegistry(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.options.intercept?.(request, response)) return;
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const target = targetOf(pathname);
    const refusal = target.kind === 'other' ? null : this.#auth.refuse(request, target.repository);
    await this.#send(request, response, target, (range) => this.#serve(target, searchParams, range), refusal);
  }

  #serve(target: Target, query: URLSearchParams, range: string | undefined): Answer {
    const { kind, repository = '', reference = '' } = target;
    if (kind === 'ping') return jsonAnswer(200, {}, { 'docker-distribution-api-version': 'registry/2.0' });
    if (kind === 'manifest') return this.#content.manifestAnswer(repository, reference);
    if (kind === 'blob') return this.#serveBlob(repository, reference, range);
    if (kind === 'referrers' && this.options.referrers) return this.#content.referrersAnswer(repository, reference);
    if (kind !== 'tags') return errorAnswer(404, 'NOT_FOUND', 'not found');
    return tagsAnswer(repository, this.#content.findTags(repository), query, this.options.tagPageSize ?? 1000);
  }

  #serveBlob(repository: string, digest: string, range: string | undefined): Answer {
    const bytes = this.#content.findBlob(digest, repository);
    if (bytes === null) return errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to registry', { digest });
    if (!this.options.redirectBlobs) return blobAnswer(bytes, digest, range);
    const location = `${this.storageUrl}/${repository}/${digest}?signature=${this.#signature}`;
    return { status: 307, headers: { location }, body: Buffer.from('moved') };
  }

  async #answerStorage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.storageUrl);
    const [, repository, reference] = /^\/(.+)\/([^/]+)$/.exec(pathname) ?? [];
    await this.#send(request, response, { kind: 'storage', repository, reference }, (range) => {
      if (request.headers.authorization !== undefined) return errorAnswer(400, 'DENIED', 'two ways to authenticate');
      if (searchParams.get('signature') !== this.#signature) return errorAnswer(403, 'DENIED', 'request has expired');
      const bytes = this.#content.findBlob(reference ?? '');
      return bytes === null ? errorAnswer(404, 'NOT_FOUND', 'not found') : blobAnswer(bytes, reference ?? '', range);
    });
  }

  async #answerToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(request.url ?? '/', this.tokenUrl);
    const form = new URLSearchParams(await textOf(request));
    await this.#send(request, response, { kind: 'token' }, () => this.#auth.tokenAnswer(request, searchParams, form));
  }

  /** Faults spare what authentication refuses, so that `times: 1` means one request that got through. */
  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    serve: (range?: string) => Answer,
    refusal: Answer | null = null,
  ): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    const recorded: RecordedRequest = { ...target, method, url, headers, status: 0 };
    this.requests.push(recorded);
    const fault = refusal === null ? this.faults.take(recorded) : {};
    const answer = refusal ?? serve(fault.ignoreRange ? undefined : headers.range);
    recorded.status = fault.neverAnswer ? 0 : (fault.status ?? answer.status);
    await sendAnswer(response, answer, fault, method === 'HEAD');
  }
}

interface Target {
  kind: RequestKind;
  repository?: string;
  reference?: string;
}

function targetOf(pathname: string): Target {
  if (pathname === '/v2/' || pathname === '/v2') return { kind: 'ping' };
  const [, repository, kind, reference] =
    /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/.exec(pathname) ?? [];
  if (repository === undefined || reference === undefined) return { kind: 'other' };
  if (kind === 'tags') return { kind: 'tags', repository };
  const named = { repository, reference: decodeURIComponent(reference) };
  if (kind === 'referrers') return { kind, ...named };
  return { kind: kind === 'blobs' ? 'blob' : 'manifest', ...named };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function listen(server: Server, port = 0): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
