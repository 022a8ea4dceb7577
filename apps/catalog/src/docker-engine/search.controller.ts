import { parseRegistryAuth } from '@entrepot/registry-client';
import { Controller, Get, Headers, Inject, Query } from '@nestjs/common';
import { hereSource, type SearchResult } from '../search/search-result.js';
import { SearchService } from '../search/search-service.js';
import { parseSearchTerm } from '../search/search-term.js';
import { EngineError } from './engine-error.js';
import { type Filters, parseFilters } from './filters.js';
import { one, type QueryValues } from './query.js';

const searchKeys = ['is-automated', 'is-official', 'stars'];
const defaultLimit = 25;
const maxLimit = 100;

/** `docker search`: upstream registries in their order, then what is here. */
@Controller('images/search')
export class SearchController {
  constructor(@Inject(SearchService) private readonly service: SearchService) {}

  @Get()
  async search(@Query() query: QueryValues, @Headers('x-registry-auth') auth: string | undefined): Promise<object[]> {
    const filters = parseFilters(one(query.filters), searchKeys);
    const term = readTerm(one(query.term));
    const { results } = await this.service.search({
      term,
      limit: readLimit(one(query.limit)),
      filter: {
        stars: readStars(filters),
        isOfficial: filters.boolean('is-official'),
        isAutomated: filters.boolean('is-automated'),
      },
      credential: parseRegistryAuth(auth),
    });
    const asksAll = parseSearchTerm(term).host === undefined;
    return results.map((result) => resultJson(result, asksAll));
  }
}

/** Docker's table has no column for the sources: what has no description says where it is. */
function resultJson(result: SearchResult, asksAll: boolean): object {
  const { name, stars, isOfficial, isAutomated, sources } = result;
  const description = result.description || (asksAll ? whereIs(sources) : '');
  return { star_count: stars, is_official: isOfficial, name, is_automated: isAutomated, description, sources };
}

function whereIs(sources: readonly string[]): string {
  return sources.map((source) => (source === hereSource ? hereSource : `on ${source}`)).join(', ');
}

function readTerm(term: string): string {
  if (/^[a-z]+:\/\//i.test(term)) {
    throw new EngineError(400, `invalid repository name: repository name (${term}) should not have a scheme`);
  }
  if (term.includes('\0')) throw new EngineError(400, 'invalid repository name');
  return term;
}

function readLimit(text: string): number {
  const limit = text === '' ? defaultLimit : Number(text);
  if (!Number.isInteger(limit)) throw new EngineError(400, `invalid limit ${JSON.stringify(text)}`);
  if (limit < 1 || limit > maxLimit) {
    throw new EngineError(400, `limit ${limit} is outside the range of [1, ${maxLimit}]`);
  }
  return limit;
}

function readStars(filters: Filters): number {
  const values = filters.values('stars');
  const bad = values.find((text) => !/^[-+]?\d+$/.test(text));
  if (bad === undefined) return Math.max(0, ...values.map(Number));
  throw new EngineError(
    400,
    `invalid filter 'stars=${bad}': strconv.Atoi: parsing ${JSON.stringify(bad)}: invalid syntax`,
  );
}
