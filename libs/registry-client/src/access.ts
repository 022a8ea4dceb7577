// https://distribution.github.io/distribution/spec/auth/token/ and its OAuth2 variant. A credential goes to its registry and to
// the realm that this registry names, and nowhere else.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Challenge, parseChallenges } from './challenge.js';
import { parseComplaint } from './complaint.js';
import { RegistryProtocolError, RegistryUnauthorizedError } from './errors.js';
import { headerOf, type ResponseHead } from './exchange.js';
import { checkedHop, exchangeAt, SmallBody } from './hops.js';
import type { Place } from './place.js';
import { limitOrFault, statusLine } from './response-error.js';
import type { Credential } from './upstream.js';

const shortestLifeSeconds = 60;
const maxTokenBytes = 1024 * 1024;
const maxRemembered = 1000;
/** A token is renewed before it runs out on the way. */
const usableShare = 0.8;

/** What is asked for, and by whom. */
export interface AccessWish {
  place: Place;
  scope: string;
  credential?: Credential;
  signal?: AbortSignal;
  idleTimeoutMs: number;
}

interface Pass {
  header: string;
  expiresAtMs: number;
}

const tokenSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});

/** Passes to registries: remembered while they last, asked for once however many wait. */
export class AccessPasses {
  readonly #passes = new Map<string, Pass>();
  readonly #asking = new Map<string, Promise<string>>();

  /** What to send with the first try; undefined when nothing is known yet. */
  find(wish: AccessWish): string | undefined {
    if (wish.credential && 'registryToken' in wish.credential) return `Bearer ${wish.credential.registryToken}`;
    const pass = this.#passes.get(keyOf(wish));
    return pass && pass.expiresAtMs > Date.now() ? pass.header : undefined;
  }

  /**
   * Answers a 401 to a request that was sent with `used`. Of many that were sent before there was a pass, only the
   * first asks for one.
   *
   * @throws {RegistryUnauthorizedError} there is no credential for it, or the token endpoint refuses it
   */
  async answer(wish: AccessWish, refused: ResponseHead, used: string | undefined): Promise<string> {
    const known = this.find(wish);
    if (known !== undefined && known !== used) return known;
    const key = keyOf(wish);
    const running = this.#asking.get(key);
    if (running) return running;
    const asking = this.#ask(wish, refused).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(wish: AccessWish, refused: ResponseHead): Promise<string> {
    const { place, credential } = wish;
    if (credential && 'registryToken' in credential) {
      throw new RegistryUnauthorizedError(place.host, `registry ${place.host} refuses the token`, { status: 401 });
    }
    const challenges = parseChallenges(refused.headers['www-authenticate']);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    const pass = bearer ? await fetchToken(wish, bearer) : basicPass(wish, challenges);
    this.#passes.set(keyOf(wish), pass);
    const [oldest] = this.#passes.keys();
    if (this.#passes.size > maxRemembered && oldest !== undefined) this.#passes.delete(oldest);
    return pass.header;
  }
}

function keyOf({ place, scope, credential }: AccessWish): string {
  const secret = createHash('sha256')
    .update(JSON.stringify(credential ?? null))
    .digest('hex');
  return `${place.base.href} ${scope} ${secret}`;
}

function basicPass({ place, credential }: AccessWish, challenges: readonly Challenge[]): Pass {
  if (challenges.some(({ scheme }) => scheme === 'basic') && credential && 'username' in credential) {
    return { header: basicHeader(credential), expiresAtMs: Number.POSITIVE_INFINITY };
  }
  const dockerMessage = `Head "${place.base.origin}/v2/": no basic auth credentials`;
  const reason = `registry ${place.host} wants credentials, and there are none for it`;
  throw new RegistryUnauthorizedError(place.host, reason, { status: 401, dockerMessage });
}

/** `Basic …` */
export function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function fetchToken(wish: AccessWish, { parameters }: Challenge): Promise<Pass> {
  const { place, credential } = wish;
  const realm = checkedHop(place, parameters.get('realm') ?? '', place.base);
  const fields = new URLSearchParams();
  const service = parameters.get('service');
  if (service !== undefined) fields.set('service', service);
  const scope = parameters.get('scope') ?? wish.scope;
  if (scope !== '') fields.set('scope', scope);
  if (credential && 'identityToken' in credential) {
    fields.set('grant_type', 'refresh_token');
    fields.set('refresh_token', credential.identityToken);
    fields.set('client_id', 'entrepot');
    return askRealm(wish, realm, { method: 'POST', headers: formHeaders, body: fields.toString() });
  }
  for (const [name, value] of fields) realm.searchParams.append(name, value);
  const headers = credential && 'username' in credential ? { authorization: basicHeader(credential) } : {};
  return askRealm(wish, realm, { method: 'GET', headers: headers as Record<string, string> });
}

const formHeaders = { 'content-type': 'application/x-www-form-urlencoded' };

interface RealmRequest {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

/** A realm that redirects is followed nowhere: the request may carry a secret. */
async function askRealm(wish: AccessWish, url: URL, request: RealmRequest): Promise<Pass> {
  const { place, signal, idleTimeoutMs } = wish;
  const body = new SmallBody(maxTokenBytes);
  const askedAtMs = Date.now();
  const head = await exchangeAt(place, { url, ...request, signal, idleTimeoutMs }, () => body.take);
  if (head.status >= 200 && head.status < 300) return passOf(place, body.bytes(), askedAtMs);
  const said = parseComplaint(body.bytes(), head.status);
  const general = limitOrFault(place.host, head, said);
  if (general) throw general;
  if (head.status === 401 || head.status === 403) {
    const facts = { status: head.status, dockerMessage: `unauthorized: ${said.message}`, dockerStatus: 401 };
    throw new RegistryUnauthorizedError(
      place.host,
      `registry ${place.host} refuses the credentials: ${said.message}`,
      facts,
    );
  }
  const where = headerOf(head, 'location') === undefined ? '' : ' and points elsewhere';
  throw new RegistryProtocolError(place.host, `its token endpoint answered ${statusLine(head)}${where}`);
}

function passOf(place: Place, body: Buffer, askedAtMs: number): Pass {
  let parsed: z.infer<typeof tokenSchema> = {};
  try {
    parsed = tokenSchema.parse(JSON.parse(body.toString()));
  } catch {
    // Said below.
  }
  const token = parsed.token ?? parsed.access_token;
  if (!token || !/^[\x21-\x7e]+$/.test(token))
    throw new RegistryProtocolError(place.host, 'its token endpoint gave no token');
  const lifeSeconds = Math.max(parsed.expires_in ?? 0, shortestLifeSeconds);
  return { header: `Bearer ${token}`, expiresAtMs: askedAtMs + lifeSeconds * 1000 * usableShare };
}
