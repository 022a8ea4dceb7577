import type { Database } from '@entrepot/database';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { DATABASE } from '../providers.js';
import { type FoundRepository, searchImages } from '../search/search-images.js';
import { EngineError } from './engine-error.js';
import { type Filters, parseFilters } from './filters.js';
import { one, type QueryValues } from './query.js';

const searchKeys = ['is-automated', 'is-official', 'stars'];
const defaultLimit = 25;
const maxLimit = 100;

/** `docker search`, among what is here: nothing that is found has to be fetched. */
@Controller('images/search')
export class SearchController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Get()
  async search(@Query() query: QueryValues): Promise<object[]> {
    const filters = parseFilters(one(query.filters), searchKeys);
    const term = readTerm(one(query.term));
    const limit = readLimit(one(query.limit));
    const stars = readStars(filters);
    const isOfficial = filters.boolean('is-official');
    // No image here was built by a registry, and nobody here gives stars.
    if (filters.boolean('is-automated') === true || stars > 0) return [];
    const found = await searchImages(this.database.prisma, { term, limit, isOfficial });
    return found.map(resultJson);
  }
}

function resultJson({ name, description, isOfficial }: FoundRepository): object {
  return { star_count: 0, is_official: isOfficial, name, is_automated: false, description };
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
