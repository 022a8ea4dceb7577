import type { z } from 'zod';
import { ContentTooLargeError, RegistryProtocolError } from '../errors.js';
import { SmallBody } from '../hops.js';
import type { Place } from '../place.js';
import { nextPage } from '../tags.js';
import type { Transport } from '../transport.js';
import type { Credential } from '../upstream.js';

/** Most bytes of one answer to a search; a hundred results with their descriptions are less than a tenth of it. */
const maxAnswerBytes = 2 * 1024 * 1024;

/** One question of a search. */
export interface SearchQuestion<S extends z.ZodType> {
  /** Below the registry's address, without a slash before it. */
  path: string;
  parameters: Record<string, string>;
  /** What of the answer is needed. */
  answer: S;
  /** The rights a token needs for it. */
  scope?: string;
  /** Sends user and password unasked. */
  isForward?: boolean;
  /** Instead of path and parameters: where a list goes on. */
  url?: URL;
}

/** A registry while it is searched: asks for JSON, within limits of size and time. */
export class SearchedRegistry {
  constructor(
    private readonly place: Place,
    private readonly transport: Transport,
    private readonly credential: Credential | undefined,
    private readonly signal: AbortSignal,
  ) {}

  get host(): string {
    return this.place.host;
  }

  /**
   * @throws {ContentTooLargeError} more than 2 MiB
   * @throws {RegistryProtocolError} not what was asked for
   */
  async ask<S extends z.ZodType>(question: SearchQuestion<S>): Promise<{ answer: z.output<S>; next: URL | undefined }> {
    const { path, scope = '', isForward } = question;
    const url = question.url ?? this.#urlOf(question);
    if (url.origin !== this.place.base.origin)
      throw new RegistryProtocolError(this.host, 'its list of repositories goes on elsewhere');
    const body = new SmallBody(maxAnswerBytes);
    const head = await this.transport.ask(this.place, {
      ...{ subject: { kind: 'search', path, scope }, method: 'GET', url, isForward },
      ...{ credential: this.credential, context: { signal: this.signal }, headers: { accept: 'application/json' } },
      onHead: () => (chunk) => this.#take(body, chunk),
    });
    return { answer: this.#parse(body.bytes(), question.answer), next: nextPage(head, url) };
  }

  /** Hangs up at once: the rest of it would be read in vain. */
  #take(body: SmallBody, chunk: Buffer): void {
    void body.take(chunk);
    if (body.isCut) throw new ContentTooLargeError(this.host, 'the answer to a search', maxAnswerBytes);
  }

  #urlOf({ path, parameters }: SearchQuestion<z.ZodType>): URL {
    const url = new URL(path, this.place.base);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  #parse<S extends z.ZodType>(body: Buffer, schema: S): z.output<S> {
    try {
      return schema.parse(JSON.parse(body.toString()));
    } catch (cause) {
      throw new RegistryProtocolError(this.host, 'its answer to a search cannot be read', { cause });
    }
  }
}
