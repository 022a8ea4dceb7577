import {
  tagImage as giveTag,
  pruneImages as prune,
  removeImage as remove,
  removeImages as removeTogether,
} from '@entrepot/content';
import {
  type Database,
  type ImageListFilter,
  listAncestry,
  listArtifacts,
  pageImages,
  parseReferencePattern,
} from '@entrepot/database';
import { familiarReference, parsePlatform, parseReference } from '@entrepot/oci';
import {
  getImage,
  getImageHistory,
  listImages,
  pruneImages,
  removeImage,
  removeImages,
  tagImage,
} from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { describeImage } from '../images/describe-image.js';
import { listHistory } from '../images/image-history.js';
import { creationTimes } from '../images/list-filter.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { type Answer, Handles } from './handles.js';
import { imageJson, readLabel, readTime, removalJson, summaryJson } from './image-json.js';
import { PlatformError } from './platform-error.js';

const cursorSchema = z.tuple([z.string(), z.boolean(), z.string(), z.string()]);

/** What images there are, what they are made of, what they are called; and their removal. */
@Controller()
export class PlatformImagesController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(listImages)
  async list({ query }: Call<typeof listImages>): Promise<Answer<typeof listImages>> {
    const { sort, limit } = query;
    const descending = (query.order ?? (sort === 'name' ? 'asc' : 'desc')) === 'desc';
    const cursor = decodeCursor(
      cursorSchema.refine((given) => given[0] === sort && given[1] === descending),
      query.cursor,
    );
    const after = cursor === undefined ? undefined : { key: cursor[2], id: cursor[3] };
    const page = { sort, descending, after, limit: limit + 1 };
    const rows = await pageImages(this.database.prisma, await this.#filter(query), page);
    return pageFrom(rows, limit, summaryJson, (row) => [sort, descending, row.sortKey, row.id]);
  }

  @Handles(getImage)
  async get({ params, query }: Call<typeof getImage>): Promise<Answer<typeof getImage>> {
    const platform = query.platform === undefined ? undefined : parsePlatform(query.platform);
    const image = await describeImage(this.database.prisma, params.name, platform);
    return imageJson(image, await listArtifacts(this.database.prisma, image.detail.target.digest));
  }

  @Handles(getImageHistory)
  async history({ params, query }: Call<typeof getImageHistory>): Promise<Answer<typeof getImageHistory>> {
    const platform = query.platform === undefined ? undefined : parsePlatform(query.platform);
    const image = await describeImage(this.database.prisma, params.name, platform);
    const ancestry = await listAncestry(this.database.prisma, image.detail.id);
    return { steps: listHistory(image, ancestry) };
  }

  @Handles(tagImage)
  async tag({ params, body }: Call<typeof tagImage>): Promise<Answer<typeof tagImage>> {
    const reference = parseReference(body.name);
    if (reference.digest !== undefined) {
      throw new PlatformError(400, 'INVALID_REFERENCE', `a name with a digest is no tag: ${body.name}`);
    }
    const target = { ...reference, tag: reference.tag ?? 'latest' };
    await giveTag({ database: this.database }, { source: params.name, target });
    return { name: familiarReference(target) };
  }

  @Handles(removeImage)
  async remove({ params, query }: Call<typeof removeImage>): Promise<Answer<typeof removeImage>> {
    const { force, noPrune, platform, dryRun } = query;
    const options = { force, prune: !noPrune, platforms: platform.map(parsePlatform), rehearse: dryRun };
    const report = await remove({ database: this.database }, params.name, options);
    return removalJson(report, dryRun);
  }

  @Handles(removeImages)
  async removeSeveral({ body }: Call<typeof removeImages>): Promise<Answer<typeof removeImages>> {
    const { images, force, noPrune, dryRun } = body;
    const options = { force, prune: !noPrune, rehearse: dryRun };
    return removalJson(await removeTogether({ database: this.database }, images, options), dryRun);
  }

  @Handles(pruneImages)
  async prune({ body }: Call<typeof pruneImages>): Promise<Answer<typeof pruneImages>> {
    const filter = {
      dangling: !body.all,
      untilSeconds: body.until === undefined ? undefined : readTime('body', 'until', body.until),
      labels: body.label.map(readLabel),
      notLabels: body.notLabel.map(readLabel),
      rehearse: body.dryRun,
    };
    return removalJson(await prune({ database: this.database }, filter), body.dryRun);
  }

  async #filter(query: Call<typeof listImages>['query']): Promise<ImageListFilter> {
    const { prisma } = this.database;
    const before = await creationTimes(prisma, query.before);
    if (query.until !== undefined) before.push(readTime('query', 'until', query.until));
    const since = await creationTimes(prisma, query.since);
    return {
      ...{ all: query.all, dangling: query.dangling, labels: query.label.map(readLabel) },
      references: query.reference.map(parseReferencePattern),
      beforeSeconds: before.length > 0 ? Math.min(...before) : undefined,
      sinceSeconds: since.length > 0 ? Math.max(...since) : undefined,
    };
  }
}
