import { randomBytes } from 'node:crypto';
import {
  type ContainerRow,
  deleteContainers,
  type FoundImage,
  findImageDetail,
  getContainer,
  getImage,
  holdImage,
  insertContainer,
  insertEvents,
  listContainers,
  lockContainer,
  type NewEvent,
  renameContainer,
  type Tx,
} from '@entrepot/database';
import { type Platform, type Reference, repositoryName } from '@entrepot/oci';
import type { ContentContext } from './context.js';

/** How a container is to be run, as documents of the Engine API. */
export interface ContainerDocuments {
  config: Record<string, unknown>;
  hostConfig: Record<string, unknown>;
}

/** A container somebody asks for. */
export interface ContainerRequest {
  name: string;
  /** A name, an id, a prefix of one. */
  image: string;
  platform?: Platform;
  /** Makes the documents from what the image says; must be quick, and may be called again. */
  describe(id: string, imageConfig: Record<string, unknown>): ContainerDocuments;
}

/**
 * Makes a container: an image, and an empty layer on top of it. In one transaction, so that the image is either still
 * there and stays, or not found.
 *
 * @throws {ImageNotFoundError} @throws {PlatformNotFoundError} @throws {ContainerNameTakenError}
 */
export async function createContainer(
  { database }: Pick<ContentContext, 'database'>,
  request: ContainerRequest,
): Promise<string> {
  const id = randomBytes(32).toString('hex');
  await database.transaction(async (tx) => {
    const found = await holdNamed(tx, request);
    const detail = await findImageDetail(tx, found);
    const imageConfig = detail?.config ?? {};
    const documents = request.describe(id, imageConfig);
    await insertContainer(tx, {
      ...{ id, name: request.name, imageId: found.imageId, imageName: request.image, imageConfig },
      ...documents,
      imageReference: found.reference === undefined ? null : reference(found.reference),
    });
    const [made] = await listContainers(tx, { ids: [id] });
    if (made !== undefined) await insertEvents(tx, [containerEvent(made, 'create')]);
  });
  return id;
}

/**
 * Gives a container another name. In one transaction.
 *
 * @throws {ContainerNotFoundError} @throws {ContainerNameTakenError}
 */
export async function changeContainerName(
  { database }: Pick<ContentContext, 'database'>,
  text: string,
  name: string,
): Promise<void> {
  await database.transaction(async (tx) => {
    const container = await getContainer(tx, text);
    await renameContainer(tx, container.id, name);
    await insertEvents(tx, [containerEvent({ ...container, name }, 'rename', { oldName: `/${container.name}` })]);
  });
}

/**
 * Removes containers with everything that was changed in them; those that went meanwhile are left out. In one
 * transaction.
 */
export async function removeContainers(
  { database }: Pick<ContentContext, 'database'>,
  containers: readonly ContainerRow[],
): Promise<ContainerRow[]> {
  return database.transaction(async (tx) => {
    // Who changes one of them at this moment ends first.
    for (const { id } of [...containers].sort((a, b) => (a.id < b.id ? -1 : 1))) await lockContainer(tx, id);
    const ids = await deleteContainers(
      tx,
      containers.map(({ id }) => id),
    );
    const removed = containers.filter(({ id }) => ids.includes(id));
    await insertEvents(
      tx,
      removed.map((container) => containerEvent(container, 'destroy')),
    );
    return removed;
  });
}

/** What happened to a container, as `docker events` tells it. */
export function containerEvent(
  { id, name, givenImageName, config }: Pick<ContainerRow, 'id' | 'name' | 'givenImageName' | 'config'>,
  action: string,
  attributes: Record<string, string> = {},
): NewEvent {
  const labels = (config.Labels ?? {}) as Record<string, string>;
  return {
    type: 'container',
    action,
    actorId: id,
    attributes: { ...labels, image: givenImageName, name, ...attributes },
  };
}

async function holdNamed(tx: Tx, { image, platform }: ContainerRequest): Promise<FoundImage> {
  for (;;) {
    const { imageId } = await getImage(tx, image, platform);
    const isHeld = await holdImage(tx, imageId);
    const found = await getImage(tx, image, platform);
    if (isHeld && found.imageId === imageId) return found;
  }
}

function reference(named: Reference): { repository: string; tag: string | null } {
  return { repository: repositoryName(named), tag: named.digest === undefined ? (named.tag ?? 'latest') : null };
}
