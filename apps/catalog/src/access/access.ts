import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { ServiceConfig } from '@entrepot/config';
import { type Database, useToken, useTokenNamed } from '@entrepot/database';
import type { FastifyRequest } from 'fastify';
import { isRegistryUrl } from '../registry/registry-url.js';
import { AccessDeniedError } from './access-denied-error.js';
import { anonymous, type Caller } from './caller.js';

/** Who needs to show nothing, on an address that only this machine reaches. */
const local: Caller = { name: 'local', role: 'admin' };

/** Finds out who makes a request: by token, by client certificate, or by being on this machine. */
export class Access {
  readonly #adminHash: Buffer | null;

  constructor(
    private readonly config: Pick<ServiceConfig, 'authRequired' | 'adminToken' | 'tls'>,
    private readonly database: Database,
  ) {
    this.#adminHash = config.adminToken === undefined ? null : hashToken(config.adminToken);
  }

  /**
   * Whoever shows something must show what is good, also where nothing is needed.
   *
   * @throws {AccessDeniedError} the token is unknown or has run out
   */
  async identify(request: FastifyRequest): Promise<Caller> {
    const authorization = tokenIn(request);
    if (authorization !== undefined) return this.#byToken(authorization);
    const certified = await this.#byCertificate(request.raw.socket as TLSSocket);
    if (certified !== null) return certified;
    return this.config.authRequired || !isFromHere(request.headers) ? anonymous : local;
  }

  async #byToken(authorization: string): Promise<Caller> {
    const secret = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization.trim())?.[1];
    if (secret === undefined) throw new AccessDeniedError('expected `Authorization: Bearer TOKEN`');
    const hash = hashToken(secret);
    if (this.#adminHash !== null && timingSafeEqual(hash, this.#adminHash)) return { name: 'admin', role: 'admin' };
    const token = await useToken(this.database.prisma, hash);
    if (token === null) throw new AccessDeniedError('the token is not known');
    if (token.expired) throw new AccessDeniedError(`the token ${token.name} has run out`);
    return { name: token.name, role: token.role };
  }

  /** The common name is the token's that says what its bearer may do, unless a role is set for all. */
  async #byCertificate(socket: TLSSocket): Promise<Caller | null> {
    if (this.config.tls?.clientCa === undefined || socket.authorized !== true) return null;
    const name = socket.getPeerCertificate().subject?.CN;
    if (typeof name !== 'string' || !/^[\w.@-]{1,128}$/.test(name)) {
      throw new AccessDeniedError('the client certificate has no common name that could be a name here');
    }
    if (this.config.tls.clientRole !== undefined) return { name, role: this.config.tls.clientRole };
    const token = await useTokenNamed(this.database.prisma, name);
    if (token === null || token.expired) {
      throw new AccessDeniedError(
        `the client certificate is that of ${name}, and there is no such token or it has run out`,
      );
    }
    return { name: token.name, role: token.role };
  }
}

/**
 * What a request shows. A daemon shows its registries what `docker login` has kept, the token as the password, and an
 * empty one when nobody has logged in.
 */
function tokenIn({ url, headers: { authorization } }: FastifyRequest): string | undefined {
  const pair = isRegistryUrl(url) ? /^Basic +([\w+/]+=*)$/i.exec(authorization ?? '')?.[1] : undefined;
  if (pair === undefined) return authorization;
  const password = Buffer.from(pair, 'base64')
    .toString()
    .replace(/^[^:]*:?/, '');
  return password === '' ? undefined : `Bearer ${password}`;
}

/**
 * Whether a request is meant for this machine and no web page of elsewhere sent it: a browser on this machine would else
 * do to us what any page tells it, and a proxy would make everybody local.
 */
function isFromHere({ host = '', origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  const isHere =
    name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
  const isOwnPage = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  return isHere && isOwnPage && site !== 'cross-site';
}

/** What is kept of a token. */
export function hashToken(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
