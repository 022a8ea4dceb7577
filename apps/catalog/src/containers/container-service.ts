import { changeContainerName, createContainer, removeContainers } from '@entrepot/content';
import {
  ContainerNameTakenError,
  type ContainerRow,
  type Database,
  getContainer,
  listContainers,
  measureContainerBases,
} from '@entrepot/database';
import type { Platform } from '@entrepot/oci';
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerSizes } from '../docker-engine/container-json.js';
import { EngineError } from '../docker-engine/engine-error.js';
import type { Filters } from '../docker-engine/filters.js';
import { parseTimestamp } from '../docker-engine/timestamp.js';
import { DATABASE } from '../providers.js';
import { type CreateBody, describeContainer } from './create-request.js';
import { inventName } from './invent-name.js';
import { hasLabel } from './list-filter.js';

/** The keys that `docker container prune --filter` knows. */
export const prunableContainerKeys = ['label', 'label!', 'until'] as const;

const maxNameTries = 6;

/** Containers as rows: all that needs no look into a tar. */
@Injectable()
export class ContainerService {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Makes a container, and returns its id; one without a name gets one. @throws {ContainerNameTakenError} */
  async create(body: CreateBody, name: string | null, platform?: Platform): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await createContainer(
          { database: this.database },
          {
            name: name ?? inventName(attempt),
            image: body.Image,
            platform,
            describe: (id, imageConfig) => describeContainer(body, id, imageConfig),
          },
        );
      } catch (error) {
        if (name !== null || !(error instanceof ContainerNameTakenError) || attempt === maxNameTries) throw error;
      }
    }
  }

  /** @throws {ContainerNotFoundError} @throws {AmbiguousContainerError} */
  get(text: string): Promise<ContainerRow> {
    return getContainer(this.database.prisma, text);
  }

  /** @throws {ContainerNotFoundError} @throws {ContainerNameTakenError} */
  rename(text: string, name: string): Promise<void> {
    return changeContainerName({ database: this.database }, text, name);
  }

  /** @throws {ContainerNotFoundError} also when somebody else was quicker */
  async remove(text: string): Promise<void> {
    await removeContainers({ database: this.database }, [await this.get(text)]);
  }

  /** Removes all containers of a filter, since none of them runs. */
  async prune(filters: Filters): Promise<ContainerRow[]> {
    const [until, ...more] = filters.values('until');
    if (more.length > 0) throw new EngineError(500, 'more than one until filter specified');
    const before = until === undefined ? Number.POSITIVE_INFINITY : parseTimestamp(until, new Date()) * 1000;
    const [labels, notLabels] = [filters.labels('label'), filters.labels('label!')];
    const chosen = (await listContainers(this.database.prisma)).filter(
      (container) =>
        Date.parse(container.createdAt) <= before &&
        labels.every((label) => hasLabel(container, label)) &&
        !(notLabels.length > 0 && notLabels.every((label) => hasLabel(container, label))),
    );
    return chosen.length === 0 ? [] : removeContainers({ database: this.database }, chosen);
  }

  /** By id. */
  async measure(containers: readonly ContainerRow[]): Promise<Map<string, ContainerSizes>> {
    const bases = await measureContainerBases(
      this.database.prisma,
      containers.map(({ id }) => id),
    );
    return new Map(
      containers.map(({ id, sizeBytes }) => [id, { ownBytes: sizeBytes, rootBytes: sizeBytes + (bases.get(id) ?? 0) }]),
    );
  }
}
