import { tagImage } from '@entrepot/content';
import { type Database, listAncestry, listImages, listManifestSummaries, measureSharedBytes } from '@entrepot/database';
import { Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { describeImage } from '../images/describe-image.js';
import { listHistory } from '../images/image-history.js';
import { imageListKeys, readListFilter } from '../images/list-filter.js';
import { readNewTag } from '../images/new-tag.js';
import { DATABASE } from '../providers.js';
import { type ApiVersion, EngineVersion } from './api-version.js';
import { EngineError } from './engine-error.js';
import { parseFilters } from './filters.js';
import { historyJson } from './history-json.js';
import { inspectJson } from './inspect-json.js';
import { isTrue, one, type QueryValues, readPlatform } from './query.js';
import { summaryJson } from './summary-json.js';
import { foldPlatforms, treeJson } from './tree-json.js';

/** `docker images`, `inspect`, `history` and `tag`. */
@Controller('images')
export class ImagesController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Get('json')
  async list(@Query() query: QueryValues, @EngineVersion() version: ApiVersion): Promise<object[]> {
    const { prisma } = this.database;
    const filter = await readListFilter(prisma, parseFilters(filtersOf(query, version), imageListKeys));
    const images = await listImages(prisma, { ...filter, all: isTrue(query.all) });
    const shared = isTrue(query['shared-size']) ? await measureSharedBytes(prisma) : null;
    const isTree = isTrue(query.manifests) && version >= 48;
    const trees = await listManifestSummaries(prisma, isTree ? images.map(({ id }) => id) : []);
    return (isTree ? foldPlatforms(images, trees) : images).map((image) => {
      const tree = treeJson(trees.get(image.id) ?? []);
      return summaryJson(image, version, { tree, sharedBytes: shared ? (shared.get(image.id) ?? 0) : undefined });
    });
  }

  @Get(':name/json')
  async inspect(
    @Param('name') name: string,
    @Query() query: QueryValues,
    @EngineVersion() version: ApiVersion,
  ): Promise<object> {
    const wantsTree = isTrue(query.manifests) && version >= 48;
    const platform = version >= 49 ? readPlatform(query.platform) : undefined;
    if (wantsTree && platform) {
      throw new EngineError(400, 'conflicting options: manifests and platform options cannot both be set');
    }
    const description = await describeImage(this.database.prisma, name, platform);
    const { id } = description.detail;
    const trees = await listManifestSummaries(this.database.prisma, wantsTree ? [id] : []);
    return inspectJson(description, version, treeJson(trees.get(id) ?? []));
  }

  @Get(':name/history')
  async history(
    @Param('name') name: string,
    @Query() query: QueryValues,
    @EngineVersion() version: ApiVersion,
  ): Promise<object[]> {
    const platform = version >= 48 ? readPlatform(query.platform) : undefined;
    const description = await describeImage(this.database.prisma, name, platform);
    const ancestry = await listAncestry(this.database.prisma, description.detail.id);
    return listHistory(description, ancestry).map(historyJson);
  }

  @Post(':name/tag')
  @HttpCode(201)
  async tag(@Param('name') source: string, @Query() query: QueryValues): Promise<void> {
    await tagImage({ database: this.database }, { source, target: readNewTag(one(query.repo), one(query.tag)) });
  }
}

/** Clients before 1.25 narrow a list by a parameter of its own. */
function filtersOf(query: QueryValues, version: ApiVersion): string | undefined {
  const { filters, filter } = query;
  if (version >= 41 || one(filter) === '' || one(filters) !== '') return one(filters);
  return JSON.stringify({ reference: [one(filter)] });
}
