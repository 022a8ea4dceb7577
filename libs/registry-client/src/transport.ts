import { type AccessPasses, type AccessWish, basicHeader } from './access.js';
import { RegistryFaultError, RegistryLimitedError, RegistryProtocolError } from './errors.js';
import { type BodySink, headerOf, type ResponseHead } from './exchange.js';
import { checkedHop, exchangeAt, SmallBody } from './hops.js';
import type { Place } from './place.js';
import type { RequestContext } from './request-context.js';
import type { Passage, RequestGate } from './request-gate.js';
import { responseError } from './response-error.js';
import { pathOf, type Subject, scopeOf } from './subject.js';
import type { Credential } from './upstream.js';

const maxHops = 5;
const maxErrorBytes = 64 * 1024;
const redirects = new Set([301, 302, 303, 307, 308]);

/** One question to a registry. */
export interface Ask {
  subject: Subject;
  method: 'GET' | 'HEAD';
  headers?: Record<string, string>;
  /** Instead of the subject's own address, for the next page of a list. */
  url?: URL;
  credential?: Credential;
  /** Sends user and password unasked, to an API that shows less to strangers instead of asking who they are. */
  isForward?: boolean;
  signal?: AbortSignal;
  context: RequestContext;
  /** Chooses who takes the body of a 2xx answer; may throw. */
  onHead: (head: ResponseHead) => BodySink;
}

/** Speaks to places: authenticates once when asked to, follows redirects by hand, makes errors of refusals. */
export class Transport {
  constructor(
    private readonly passes: AccessPasses,
    private readonly idleTimeoutMs: number,
    private readonly userAgent: string,
    private readonly gate: RequestGate,
  ) {}

  /** @throws {RegistryError} */
  async ask(place: Place, ask: Ask): Promise<ResponseHead> {
    const { subject, method, credential, context } = ask;
    const { signal, isBatch = false, onYield } = context;
    const request = { host: place.host, kind: subject.kind, method, credential, isUrgent: !isBatch, onYield, signal };
    const passage = await this.gate.enter(request);
    try {
      return await this.#askWith(passage, place, ask);
    } catch (error) {
      if (error instanceof RegistryLimitedError) await passage.limited(error);
      throw error;
    } finally {
      passage.leave();
    }
  }

  async #askWith(passage: Passage, place: Place, ask: Ask): Promise<ResponseHead> {
    const { subject, credential, context } = ask;
    const { signal } = context;
    const own = ask.url ?? new URL(pathOf(subject), place.base);
    const wish: AccessWish = {
      place,
      scope: scopeOf(subject),
      credential: place.isMirror ? undefined : credential,
      signal,
      idleTimeoutMs: this.idleTimeoutMs,
    };
    const isForward = ask.isForward && wish.credential && 'username' in wish.credential;
    let pass = isForward
      ? basicHeader(wish.credential as { username: string; password: string })
      : this.passes.find(wish);
    let answeredChallenge = false;
    let url = own;
    for (let hop = 0; hop <= maxHops; hop += 1) {
      const isOwn = url.origin === place.base.origin;
      if (hop > 0 && isOwn) await passage.again();
      const { head, body } = await this.#once(passage, place, url, ask, isOwn ? pass : undefined);
      if (isOwn) passage.answered(head);
      if (head.status >= 200 && head.status < 300) return head;
      if (redirects.has(head.status)) {
        url = checkedHop(place, headerOf(head, 'location') ?? '', url);
      } else if (head.status === 401 && isOwn && !answeredChallenge) {
        answeredChallenge = true;
        pass = await this.passes.answer(wish, head, pass);
        url = own;
      } else {
        throw refusal(place, subject, head, body, isOwn);
      }
    }
    throw new RegistryProtocolError(place.host, `it redirects more than ${maxHops} times`);
  }

  async #once(
    passage: Passage,
    place: Place,
    url: URL,
    { method, headers, context: { signal }, onHead }: Ask,
    authorization: string | undefined,
  ): Promise<{ head: ResponseHead; body: Buffer }> {
    const body = new SmallBody(maxErrorBytes);
    const head = await exchangeAt(
      place,
      {
        url,
        method,
        headers: {
          'user-agent': this.userAgent,
          'accept-encoding': 'identity',
          ...headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        signal,
        idleTimeoutMs: this.idleTimeoutMs,
      },
      (found) => (found.status >= 200 && found.status < 300 ? metered(passage, onHead(found)) : body.take),
    );
    return { head, body: body.bytes() };
  }
}

/** Lets the passage pause what comes too fast. The chunk is taken at once: its memory is the socket's, and used again. */
function metered(passage: Passage, sink: BodySink): BodySink {
  return (chunk) => {
    const taken = sink(chunk);
    const pause = passage.take(chunk.length);
    if (pause === undefined || taken === 'enough') return taken;
    return Promise.all([taken, pause]).then(() => {});
  };
}

/** A storage that says 401 or 403 means that the signed address has run out; the registry gives a new one. */
function refusal(place: Place, subject: Subject, head: ResponseHead, body: Buffer, isOwn: boolean): Error {
  const hasRunOut = !isOwn && (head.status === 401 || head.status === 403);
  if (!hasRunOut) return responseError({ host: place.host, subject, head, body });
  return new RegistryFaultError(place.host, `the storage of registry ${place.host} answered ${head.status}`, {
    status: head.status,
  });
}
