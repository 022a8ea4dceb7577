import { createHash } from 'node:crypto';
import type { Upstreams } from '@entrepot/content';
import {
  type Credential,
  type RegistryClient,
  type RegistryError,
  RegistryUnreachableError,
  type SearchAnswer,
} from '@entrepot/registry-client';
import { AnswerCache } from './answer-cache.js';

const rememberMs = 60_000;
const maxRemembered = 500;

/** One question to one registry. */
export interface UpstreamQuestion {
  host: string;
  term: string;
  limit: number;
  credential?: Credential;
  /** Asks even a registry that could not be reached a moment ago. */
  isUrgent?: boolean;
}

/** Searches registries, each the same only once a minute; one that cannot be reached is left alone for as long. */
export class UpstreamSearch {
  readonly #answers = new AnswerCache<SearchAnswer>(rememberMs, maxRemembered);
  readonly #unreachable = new Map<string, { error: RegistryError; until: number }>();

  constructor(
    private readonly registry: RegistryClient,
    private readonly upstreams: Upstreams,
  ) {}

  /** @throws {RegistryError} */
  async search(question: UpstreamQuestion): Promise<SearchAnswer> {
    const { host, term, limit, credential, isUrgent } = question;
    // What was known of a registry is void when its settings change.
    const place = JSON.stringify([host, this.upstreams.find(host) ?? null, credential ?? null]);
    const down = this.#unreachable.get(place);
    if (!isUrgent && down && down.until > Date.now()) throw down.error;
    const key = createHash('sha256')
      .update(JSON.stringify([place, term, limit]))
      .digest('base64');
    try {
      return await this.#answers.get(key, () => this.registry.search(host, { term, limit, credential }));
    } catch (error) {
      if (error instanceof RegistryUnreachableError) this.#remember(place, error);
      throw error;
    }
  }

  #remember(place: string, error: RegistryError): void {
    const [oldest] = this.#unreachable.keys();
    if (this.#unreachable.size >= maxRemembered && oldest !== undefined) this.#unreachable.delete(oldest);
    this.#unreachable.set(place, { error, until: Date.now() + rememberMs });
  }
}
