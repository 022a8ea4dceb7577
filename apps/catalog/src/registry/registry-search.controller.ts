import { Controller, Get, Header, Headers, Inject, Query } from '@nestjs/common';
import type { SearchResult } from '../search/search-result.js';
import { SearchService } from '../search/search-service.js';

const defaultLimit = 25;
const maxLimit = 100;

/**
 * The search of the first registry API, the one that `docker search HOST/TERM` of any daemon asks HOST for. Registries
 * have not served it for ten years.
 */
@Controller('v1')
export class RegistrySearchController {
  constructor(@Inject(SearchService) private readonly service: SearchService) {}

  @Get('_ping')
  @Header('x-docker-registry-standalone', 'true')
  ping(): object {
    return { standalone: true };
  }

  @Get('search')
  async search(
    @Query('q') query: string | string[] | undefined,
    @Query('n') count: string | string[] | undefined,
    @Headers('user-agent') agent = '',
  ): Promise<object> {
    const term = [query].flat()[0] ?? '';
    const limit = Math.min(Math.max(Math.trunc(Number([count].flat()[0])) || defaultLimit, 1), maxLimit);
    // Two of us that have each other as upstream would ask for ever.
    const { results } = await this.service.search({ term, limit, onlyHere: agent.startsWith('entrepot/') });
    return { query: term, num_results: results.length, results: results.map(resultJson) };
  }
}

function resultJson({ name, description, stars, isOfficial, isAutomated }: SearchResult): object {
  return { name, description, star_count: stars, is_official: isOfficial, is_automated: isAutomated };
}
