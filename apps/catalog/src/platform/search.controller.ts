import { searchImages } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { SearchService } from '../search/search-service.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';

/** What can be pulled from anywhere. */
@Controller()
export class PlatformSearchController {
  constructor(@Inject(SearchService) private readonly service: SearchService) {}

  @Handles(searchImages)
  async search({ query }: Call<typeof searchImages>): Promise<Answer<typeof searchImages>> {
    const { term, limit, ...filter } = query;
    return await this.service.search({ term, limit, filter });
  }
}
