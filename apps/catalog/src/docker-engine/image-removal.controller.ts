import { pruneImages, type ReleaseLine, removeImage } from '@entrepot/content';
import type { Database } from '@entrepot/database';
import { parseOciPlatform } from '@entrepot/oci';
import { Controller, Delete, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { prunableKeys, readPruneFilter } from '../images/prune-filter.js';
import { DATABASE } from '../providers.js';
import { type ApiVersion, EngineVersion } from './api-version.js';
import { parseFilters } from './filters.js';
import { all, isTrue, one, type QueryValues } from './query.js';

/** `docker rmi` and `docker image prune`. */
@Controller('images')
export class ImageRemovalController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Delete(':name')
  async remove(
    @Param('name') name: string,
    @Query() query: QueryValues,
    @EngineVersion() version: ApiVersion,
  ): Promise<object[]> {
    const platforms = version >= 50 ? all(query.platforms).map(parseOciPlatform) : [];
    const options = { force: isTrue(query.force), prune: !isTrue(query.noprune), platforms };
    const { lines } = await removeImage({ database: this.database }, name, options);
    return lines.map(lineJson);
  }

  @Post('prune')
  @HttpCode(200)
  async prune(@Query() query: QueryValues): Promise<object> {
    const filter = readPruneFilter(parseFilters(one(query.filters), prunableKeys));
    const { lines, releasedBytes } = await pruneImages({ database: this.database }, filter);
    return { ImagesDeleted: lines.length > 0 ? lines.map(lineJson) : null, SpaceReclaimed: releasedBytes };
  }
}

function lineJson(line: ReleaseLine): object {
  return 'untagged' in line ? { Untagged: line.untagged } : { Deleted: line.deleted };
}
