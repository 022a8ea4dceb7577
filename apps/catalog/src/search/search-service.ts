import type { Upstreams } from '@entrepot/content';
import { type Database, searchRepositories } from '@entrepot/database';
import type { Logger } from '@entrepot/observability';
import { type Credential, type RegistryClient, RegistryError } from '@entrepot/registry-client';
import { Inject, Injectable } from '@nestjs/common';
import { DATABASE, LOGGER, REGISTRY_CLIENT, UPSTREAMS } from '../providers.js';
import { fromHere, fromHit, mergeResults, passes, type SearchFilter, type SearchResult } from './search-result.js';
import { parseSearchTerm } from './search-term.js';
import { UpstreamSearch } from './search-upstream.js';

const dockerHub = 'docker.io';

/** What somebody looks for. */
export interface SearchRequest {
  /** Part of a name; `HOST/TERM` asks that registry alone. */
  term: string;
  /** Of each source, 1 to 100. */
  limit: number;
  filter?: SearchFilter;
  /** For the registry that the term names, which is Docker Hub when it names none. */
  credential?: Credential;
  /** Asks nobody else. */
  onlyHere?: boolean;
}

/** A source that gave nothing, or not all. */
export interface SearchWarning {
  source: string;
  code: string;
  message: string;
  retryable: boolean;
}

export interface SearchOutcome {
  results: SearchResult[];
  warnings: SearchWarning[];
}

interface Part {
  results: SearchResult[];
  warning?: SearchWarning;
}

/** Searches upstream registries in their order, and what is here. */
@Injectable()
export class SearchService {
  readonly #upstream: UpstreamSearch;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(REGISTRY_CLIENT) registry: RegistryClient,
    @Inject(UPSTREAMS) private readonly upstreams: Upstreams,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#upstream = new UpstreamSearch(registry, upstreams);
  }

  /**
   * A source that is slow or broken costs a warning.
   *
   * @throws {RegistryError} the only registry that was to be asked cannot answer
   */
  async search(request: SearchRequest): Promise<SearchOutcome> {
    const { host, text } = parseSearchTerm(request.term);
    const parts = host === undefined ? await this.#askAll(request) : [await this.#askOne(host, text, request)];
    const { filter = {} } = request;
    return {
      results: mergeResults(parts.map(({ results }) => results)).filter((result) => passes(filter, result)),
      warnings: parts.flatMap(({ warning }) => warning ?? []),
    };
  }

  #askAll(request: SearchRequest): Promise<Part[]> {
    const sources = request.onlyHere ? [] : this.#sources();
    return Promise.all([
      ...sources.map((host) => this.#askOrWarn(host, request.term, request)),
      this.#askHere(request),
    ]);
  }

  /** Docker Hub comes first unless it was given another place. */
  #sources(): string[] {
    const hosts = this.upstreams.list().map(({ host }) => host);
    return hosts.includes(dockerHub) ? hosts : [dockerHub, ...hosts];
  }

  async #askHere({ term, limit, filter }: SearchRequest): Promise<Part> {
    const text = term.toLowerCase().replace(/^library\//, '');
    // PostgreSQL has no text with a NUL in it, so nothing could match.
    if (text.includes('\0')) return { results: [] };
    const isOfficial = filter?.isOfficial;
    const rows = await searchRepositories(this.database.prisma, { term: text, limit, isOfficial });
    return { results: rows.map(fromHere) };
  }

  async #askOrWarn(host: string, text: string, request: SearchRequest): Promise<Part> {
    const credential = host === dockerHub ? request.credential : undefined;
    try {
      return await this.#ask(host, text, { ...request, credential }, false);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      const { code, message, retryable } = error;
      this.logger.warn({ registry: host, code, reason: message }, 'a registry could not be searched');
      return { results: [], warning: { source: host, code, message, retryable } };
    }
  }

  #askOne(host: string, text: string, request: SearchRequest): Promise<Part> {
    return this.#ask(host, text, request, true);
  }

  async #ask(host: string, term: string, { limit, credential }: SearchRequest, isUrgent: boolean): Promise<Part> {
    const { hits, isPartial } = await this.#upstream.search({ host, term, limit, credential, isUrgent });
    const results = hits.map((hit) => fromHit(host, hit));
    if (!isPartial) return { results };
    const message = `registry ${host} has more repositories than are looked through`;
    return { results, warning: { source: host, code: 'SEARCH_PARTIAL', message, retryable: false } };
  }
}
