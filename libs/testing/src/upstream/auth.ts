import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Answer, errorAnswer, jsonAnswer } from './answer.js';

/** Whom the upstream lets in, and how it says so. */
export interface UpstreamAuthOptions {
  /** Default `anonymous`. */
  auth?: 'anonymous' | 'basic' | 'bearer';
  /** Default `user`. */
  username?: string;
  /** Default `secret`. */
  password?: string;
  /** What the token endpoint takes as a refresh token; default `identity`. */
  identityToken?: string;
  /** Whether the token endpoint gives pull rights to those without credentials, as Docker Hub does; default no. */
  anonymousPull?: boolean | ((repository: string) => boolean);
  /** What a token is said to live; it works until `expireTokens`. Default 300. */
  tokenSeconds?: number;
  /** The realm in the challenge instead of the own token endpoint. */
  realm?: string;
  /** The scope the registry demands; default `repository:<name>:pull`. */
  scopeOf?: (repository: string) => string;
}

/** Basic or bearer authentication with an own token endpoint. */
export class UpstreamAuth {
  #tokens = new Map<string, string[]>();

  constructor(
    private readonly options: UpstreamAuthOptions,
    private readonly tokenUrl: () => string,
  ) {}

  /** Every token given out so far is refused from now on. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** Null when the request may pass, else the 401. `repository` is missing for a ping. */
  refuse(request: IncomingMessage, repository: string | undefined): Answer | null {
    const { auth = 'anonymous' } = this.options;
    const given = request.headers.authorization;
    if (auth === 'anonymous') return null;
    if (auth === 'basic') return given === this.#basic() ? null : unauthorized('Basic realm="upstream"');
    const scopes = this.#tokens.get(given?.replace(/^Bearer /, '') ?? '');
    const wanted = repository === undefined ? undefined : this.#scopeOf(repository);
    if (scopes !== undefined && (wanted === undefined || scopes.includes(wanted))) return null;
    const scope = wanted === undefined ? '' : `,scope="${wanted}"`;
    const error = scopes === undefined ? (given ? ',error="invalid_token"' : '') : ',error="insufficient_scope"';
    return unauthorized(
      `Bearer realm="${this.options.realm ?? this.tokenUrl()}",service="upstream"${scope}${error}`,
      wanted,
    );
  }

  /** The token endpoint, for GET with Basic and for POST with a form. */
  tokenAnswer(request: IncomingMessage, query: URLSearchParams, form: URLSearchParams): Answer {
    const asked = [...query.getAll('scope'), ...form.getAll('scope').flatMap((scopes) => scopes.split(' '))];
    const isKnown =
      request.headers.authorization === this.#basic() ||
      form.get('refresh_token') === (this.options.identityToken ?? 'identity');
    const isAnonymous = request.headers.authorization === undefined && !form.has('refresh_token');
    if (!isKnown && !isAnonymous) return jsonAnswer(401, { details: 'incorrect username or password' });
    const granted = isKnown ? asked : asked.filter((scope) => this.#isOpen(scope));
    const token = randomBytes(16).toString('hex');
    this.#tokens.set(token, granted);
    return jsonAnswer(200, {
      token,
      expires_in: this.options.tokenSeconds ?? 300,
      issued_at: new Date().toISOString(),
    });
  }

  #basic(): string {
    const { username = 'user', password = 'secret' } = this.options;
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  #scopeOf(repository: string): string {
    return this.options.scopeOf?.(repository) ?? `repository:${repository}:pull`;
  }

  #isOpen(scope: string): boolean {
    const { anonymousPull = false } = this.options;
    const repository = scope.split(':').slice(1, -1).join(':');
    return typeof anonymousPull === 'boolean' ? anonymousPull : anonymousPull(repository);
  }
}

function unauthorized(challenge: string, scope?: string): Answer {
  const detail = scope === undefined ? null : [{ Type: 'repository', Class: '', Name: scope, Action: 'pull' }];
  return errorAnswer(401, 'UNAUTHORIZED', 'authentication required', detail, { 'www-authenticate': challenge });
}
