import {
  type Database,
  listImages,
  measureCollectable,
  measureDiskUsage,
  measureSharedBytes,
} from '@entrepot/database';
import { collect, type JobQueue } from '@entrepot/jobs';
import { collectNow, type EndpointOutput, getDiskUsage, getSystem } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { newestApiVersion } from '../docker-engine/api-version.js';
import { DATABASE, JOB_QUEUE } from '../providers.js';
import { serverVersion } from '../version.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';
import { summaryJson } from './image-json.js';

/** What this service is and what it holds. */
@Controller()
export class PlatformSystemController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
  ) {}

  @Handles(getSystem)
  async system({ caller: { name, role } }: Call<typeof getSystem>): Promise<Answer<typeof getSystem>> {
    return { version: serverVersion, dockerApiVersion: newestApiVersion, caller: { name, role } };
  }

  @Handles(getDiskUsage)
  async usage({ query }: Call<typeof getDiskUsage>): Promise<Answer<typeof getDiskUsage>> {
    const { prisma } = this.database;
    const usage = { ...(await measureDiskUsage(prisma)), collectableBytes: await measureCollectable(prisma) };
    return query.verbose ? { ...usage, imageList: await this.#imageList() } : usage;
  }

  @Handles(collectNow)
  async collect(_: Call<typeof collectNow>): Promise<Answer<typeof collectNow>> {
    await this.queue.enqueue(collect, {});
    return { collectableBytes: await measureCollectable(this.database.prisma) };
  }

  async #imageList(): Promise<EndpointOutput<typeof getDiskUsage>['imageList']> {
    const shared = await measureSharedBytes(this.database.prisma);
    return (await listImages(this.database.prisma)).map((image) => {
      const { id, tags, createdAt, sizeBytes } = summaryJson(image);
      return { id, tags, createdAt, sizeBytes, sharedBytes: shared.get(image.id) ?? 0 };
    });
  }
}
