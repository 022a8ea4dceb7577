import { randomUUID } from 'node:crypto';
import {
  type AnalysisWishes,
  type ContentContext,
  type CreatedImage,
  containerEvent,
  createImage,
  releaseLeases,
  type StoredLayer,
  storeLayer,
} from '@entrepot/content';
import { type JobQueue, publishPull } from '@entrepot/jobs';
import {
  type ContainerConfig,
  type Digest,
  digestOf,
  familiarReference,
  type ImageConfig,
  parseContainerConfig,
  parseImageConfig,
  platformOf,
  printImageConfig,
  type Reference,
  repositoryName,
} from '@entrepot/oci';
import type { OpenContainer } from './container-trees.js';
import { archiveOwnLayer } from './tree-archive.js';

/** What a commit is told. */
export interface CommitRequest {
  /** None: the image gets no name. */
  name: Reference | null;
  comment: string;
  author: string;
  /** Changes the container's config on its way into the image's. */
  change(config: ContainerConfig): ContainerConfig;
}

/** What committing needs. */
export interface CommitParts {
  content: ContentContext;
  queue: JobQueue;
  analysis: Pick<AnalysisWishes, 'add'>;
}

/** Makes an image of a container: the layers below, and its own one on top when anything was changed. */
export async function commitContainer(
  { content, queue, analysis }: CommitParts,
  opened: OpenContainer,
  { name, comment, author, change }: CommitRequest,
): Promise<Digest> {
  const owner = `commit:${randomUUID()}`;
  try {
    const base = parseImageConfig(Buffer.from(JSON.stringify(opened.container.imageConfig)));
    const changed = change(configOf(opened));
    const own = opened.tree.isEmpty
      ? null
      : await storeLayer(content, archiveOwnLayer(content, opened, owner), { owner });
    const config = describe(opened, base, own?.diffId ?? null, { comment, author, config: changed });
    const { imageId, duePulls } = await publish(content, opened, { config, own, name, owner, comment });
    const due = duePulls.map((pullId) => ({ pullId }));
    await queue.enqueueMany(publishPull, due);
    if (own !== null) analysis.add([own.descriptor.digest]);
    return imageId;
  } finally {
    // Not waited for: what is not let go of runs out.
    releaseLeases(content, owner).catch(() => {});
  }
}

function publish(
  content: ContentContext,
  { container, layers }: OpenContainer,
  made: { config: Buffer; own: StoredLayer | null; name: Reference | null; owner: string; comment: string },
): Promise<CreatedImage> {
  const { config, own, name, owner, comment } = made;
  const names = name === null ? [] : [{ repository: repositoryName(name), tag: name.tag ?? 'latest' }];
  const told = { comment, imageID: digestOf(config), imageRef: name === null ? '' : familiarReference(name) };
  return createImage(
    content,
    { config, below: layers, added: own, names, parentId: container.imageId },
    { action: 'made', owner, events: [containerEvent(container, 'commit', told)] },
  );
}

/** The image's document: that of the image below, with the container's config and one more line of history. */
function describe(
  { container }: OpenContainer,
  base: ImageConfig,
  diffId: Digest | null,
  { comment, author, config }: { comment: string; author: string; config: ContainerConfig },
): Buffer {
  const created = new Date();
  const { os, architecture, variant, osVersion, osFeatures } = platformOf(base);
  const command = Array.isArray(container.config.Cmd) ? (container.config.Cmd as string[]).join(' ') : '';
  return printImageConfig({
    ...{ os, architecture, variant, osVersion, osFeatures, created, author },
    config,
    diffIds: [...base.diffIds, ...(diffId === null ? [] : [diffId])],
    history: [
      ...base.history,
      { created: created.toISOString(), createdBy: command, author, comment, emptyLayer: diffId === null },
    ],
  });
}

/** What of a container's config belongs to an image. */
function configOf({ container }: OpenContainer): ContainerConfig {
  const config = parseContainerConfig(container.config, (reason) => new Error(reason));
  const { Image: _, Hostname: __, Domainname: ___, ...kept } = config;
  return kept;
}
