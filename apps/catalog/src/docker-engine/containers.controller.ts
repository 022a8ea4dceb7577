import type { ContainerRow, Database } from '@entrepot/database';
import { parsePlatform } from '@entrepot/oci';
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ContainerService, prunableContainerKeys } from '../containers/container-service.js';
import { parseContainerName, parseCreateBody } from '../containers/create-request.js';
import { containerListKeys, findListed } from '../containers/list-filter.js';
import { DATABASE } from '../providers.js';
import { containerInspectJson, containerSummaryJson } from './container-json.js';
import { EngineError } from './engine-error.js';
import { parseFilters } from './filters.js';
import { readJsonBody } from './json-body.js';
import { isTrue, one, type QueryValues } from './query.js';

/** `docker create`, `ps`, `inspect`, `rename`, `rm` and `container prune`: what is rows alone. */
@Controller('containers')
export class ContainersController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly containers: ContainerService,
  ) {}

  @Post('create')
  @HttpCode(201)
  async create(@Query() query: QueryValues, @Req() request: FastifyRequest): Promise<object> {
    const body = parseCreateBody(await readJsonBody(request.raw));
    const [name, platform] = [one(query.name), one(query.platform)];
    const id = await this.containers.create(
      body,
      name === '' ? null : parseContainerName(name),
      platform === '' ? undefined : parsePlatform(platform.toLowerCase()),
    );
    return { Id: id, Warnings: [] };
  }

  @Get('json')
  async list(@Query() query: QueryValues): Promise<object[]> {
    const filters = parseFilters(one(query.filters), containerListKeys);
    const limit = Number(one(query.limit) || '0');
    if (!Number.isInteger(limit)) throw new EngineError(400, `invalid limit ${JSON.stringify(one(query.limit))}`);
    const rows = await findListed(this.database.prisma, { all: isTrue(query.all), limit }, filters);
    const sizes = isTrue(query.size) ? await this.containers.measure(rows) : null;
    return rows.map((row) => containerSummaryJson(row, sizes?.get(row.id)));
  }

  @Get(':name/json')
  async inspect(@Param('name') name: string, @Query() query: QueryValues): Promise<object> {
    const container = await this.containers.get(name);
    const sizes = isTrue(query.size) ? await this.containers.measure([container]) : null;
    return containerInspectJson(container, sizes?.get(container.id));
  }

  @Post(':name/rename')
  @HttpCode(204)
  async rename(@Param('name') name: string, @Query() query: QueryValues): Promise<void> {
    const wanted = one(query.name);
    if (wanted === '') throw new EngineError(400, 'Neither old nor new names may be empty');
    const { id } = await this.containers.get(name);
    try {
      await this.containers.rename(id, parseContainerName(wanted));
    } catch (error) {
      if ((error as { code?: string }).code !== 'CONTAINER_NAME_TAKEN') throw error;
      throw new EngineError(409, `Error when allocating new name: ${(error as Error).message}`);
    }
  }

  @Delete(':name')
  @HttpCode(204)
  async remove(@Param('name') name: string, @Query() query: QueryValues): Promise<void> {
    if (isTrue(query.link)) await this.#refuseLink(name);
    await this.containers.remove(name);
  }

  /** Containers that never run have no links: the only name each has is its own. */
  async #refuseLink(name: string): Promise<never> {
    await this.containers.get(name);
    throw new EngineError(409, 'Conflict, cannot remove the default link name of the container');
  }

  @Post('prune')
  @HttpCode(200)
  async prune(@Query() query: QueryValues): Promise<object> {
    const removed = await this.containers.prune(parseFilters(one(query.filters), prunableContainerKeys));
    return {
      ContainersDeleted: removed.length > 0 ? removed.map(({ id }) => id) : null,
      SpaceReclaimed: removed.reduce((sum, { sizeBytes }: ContainerRow) => sum + sizeBytes, 0),
    };
  }
}
