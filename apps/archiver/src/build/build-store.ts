import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  type ContentContext,
  createImage,
  releaseLeases,
  renewLeases,
  type StoredLayer,
  storeLayer,
} from '@entrepot/content';
import { findImage, listCachedSteps } from '@entrepot/database';
import { analyseLayer, type JobQueue, publishPull } from '@entrepot/jobs';
import {
  contentTurn,
  inReadingOrder,
  type LayerItem,
  opaqueItem,
  Pause,
  type StoredTar,
  type TarFile,
  TarFileReader,
  type Turn,
  whiteoutItem,
  writeLayer,
} from '@entrepot/layers';
import {
  type ContainerConfig,
  type Descriptor,
  type Digest,
  formatPlatform,
  parseImageConfig,
  platformOf,
  printImageConfig,
} from '@entrepot/oci';
import { layerTar } from '../layer-tar.js';
import type { LayerTrees } from '../layer-trees.js';
import type { NewLayer } from './copy/place-files.js';
import type { FileTree } from './file-tree.js';
import { readStageImage, type StageImage } from './stage-image.js';

/** What a build stores with. */
export interface BuildStoreParts {
  content: ContentContext;
  queue: JobQueue;
  trees: LayerTrees;
}

/** What one step makes of an image. */
export interface StepResult {
  config: ContainerConfig;
  createdBy: string;
  author: string;
  layer: StoredLayer | null;
  created: Date;
}

const leaseMs = 60 * 60_000;

/** Everything that one build reads and keeps, in its own name; `close` lets go of what no image has. */
export class BuildStore {
  readonly lease = { owner: `build:${randomUUID()}`, leaseMs };
  readonly #tars = new Map<Digest, StoredTar>();
  readonly #renewal = setInterval(() => {
    renewLeases(this.parts.content, this.lease.owner, leaseMs).catch(() => {});
  }, leaseMs / 4);

  constructor(private readonly parts: BuildStoreParts) {}

  /** The files of an image. Waits for layers that nobody has looked into. */
  async filesOf({ layers }: Pick<StageImage, 'layers'>): Promise<FileTree> {
    const { tree } = await this.parts.trees.open(layers.map(({ digest }) => digest));
    const sourceOf: FileTree['sourceOf'] = ({ entry, layer }) => {
      return { tar: this.#tarOf(layers[layer] as Descriptor), entry };
    };
    return { tree, sourceOf, isContext: false };
  }

  /** The image that an earlier build made by the same step, the one made last; null when there is none. */
  async findCached(
    parent: StageImage,
    step: Omit<StepResult, 'layer'>,
    epoch: Date | null,
  ): Promise<StageImage | null> {
    const { content } = this.parts;
    const { prisma } = content.database;
    const wanted = asJson(step.config);
    for (const { id, config } of await listCachedSteps(prisma, parent.id, step.createdBy)) {
      const made = parseImageConfig(Buffer.from(JSON.stringify(config)));
      const { config: run, created, author } = made;
      // Children of nothing may be for any platform.
      if (formatPlatform(platformOf(made)) !== formatPlatform(parent.platform)) continue;
      if (!isDeepStrictEqual(asJson(run), wanted) || (author ?? '') !== step.author) continue;
      if (epoch !== null && Date.parse(created ?? '') !== epoch.getTime()) continue;
      const found = await findImage(prisma, id);
      if (found !== null) return readStageImage(content, found, this.lease);
    }
    return null;
  }

  /** Stores what a layer changes; null when that is nothing. */
  async storeLayer(layer: NewLayer, latestMs: number, signal: AbortSignal): Promise<StoredLayer | null> {
    const items = (): Iterable<BuiltItem> => itemsOf(layer, latestMs);
    const reader = new TarFileReader();
    const { isEmpty, isSorted, turnOf } = await announceAll(items, reader);
    if (isEmpty) return null;
    try {
      const ordered = isSorted ? items() : inReadingOrder(items, turnOf);
      return await this.storeTar(writeLayer(withContents(ordered, reader)), signal);
    } finally {
      await reader.close();
    }
  }

  /** Stores the tar of a layer as it comes. */
  storeTar(tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<StoredLayer> {
    return storeLayer(this.parts.content, tar, { owner: this.lease.owner, signal });
  }

  /** Makes the image of a step, without a name. */
  async createImage(
    parent: StageImage,
    { config, createdBy, author, layer, created }: StepResult,
  ): Promise<StageImage> {
    const { content, queue } = this.parts;
    const { owner } = this.lease;
    const image = {
      platform: parent.platform,
      config,
      layers: layer === null ? parent.layers : [...parent.layers, layer.descriptor],
      diffIds: layer === null ? parent.diffIds : [...parent.diffIds, layer.diffId],
      history: [...parent.history, { created: created.toISOString(), createdBy, author, emptyLayer: layer === null }],
    };
    const document = printImageConfig({ ...image.platform, ...image, created, author });
    const made = { config: document, below: parent.layers, added: layer, names: [], parentId: parent.id };
    const { imageId, duePulls } = await createImage(content, made, { action: 'made', owner, leaseMs });
    await queue.enqueueMany(
      publishPull,
      duePulls.map((pullId) => ({ pullId })),
    );
    if (layer !== null) await queue.enqueueMany(analyseLayer, [{ digest: layer.descriptor.digest }]);
    return { ...image, id: imageId, created: created.toISOString() };
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await releaseLeases(this.parts.content, this.lease.owner);
  }

  #tarOf({ digest }: Descriptor): StoredTar {
    const tar = this.#tars.get(digest) ?? layerTar(this.parts.content, digest);
    this.#tars.set(digest, tar);
    return tar;
  }
}

/** An entry of the layer that is made, and where its bytes come from. */
interface BuiltItem {
  item: LayerItem;
  source: TarFile | null;
}

function* itemsOf(layer: NewLayer, latestMs: number): Generator<BuiltItem> {
  const names = new Map<number, string>();
  for (const { path, type, opaque, content, inode, covers: _, ...entry } of layer.tree.entries()) {
    if (path === '') continue;
    const mtimeMs = Math.min(entry.mtimeMs, latestMs);
    if (type === 'whiteout') {
      yield { item: whiteoutItem(path, mtimeMs), source: null };
      continue;
    }
    const first = inode === null ? undefined : names.get(inode);
    if (first !== undefined) {
      const link = { type: 'link' as const, linkTarget: first, xattrs: {}, sizeBytes: 0 };
      yield { item: { ...entry, path, mtimeMs, ...link }, source: null };
      continue;
    }
    if (inode !== null) names.set(inode, path);
    const source = content?.kind === 'kept' ? layer.contentOf(content.path) : null;
    yield { item: { ...entry, path, mtimeMs, type }, source };
    if (opaque) yield { item: opaqueItem(path, mtimeMs), source: null };
  }
}

/** Looks whether files are asked for in the order of their tars; a plain tar has no need of one. */
async function announceAll(
  items: () => Iterable<BuiltItem>,
  reader: TarFileReader,
): Promise<{ isEmpty: boolean; isSorted: boolean; turnOf(item: BuiltItem): Turn }> {
  const tars = new Map<StoredTar, { place: number; reachedBytes: number }>();
  const pause = new Pause();
  let isEmpty = true;
  let isSorted = true;
  for (const { source } of items()) {
    if (pause.isDue) await pause.take();
    isEmpty = false;
    if (source === null) continue;
    reader.announce(source);
    const { tar, entry } = source;
    const known = tars.get(tar) ?? { place: tars.size, reachedBytes: -1 };
    tars.set(tar, known);
    if (!tar.isPlain && entry.offsetBytes < known.reachedBytes) isSorted = false;
    known.reachedBytes = entry.offsetBytes;
  }
  const turnOf = ({ item, source }: BuiltItem): Turn => {
    if (source !== null) return contentTurn(tars.get(source.tar)?.place ?? 0, source.entry.offsetBytes);
    return item.type === 'link' ? 'last' : 'first';
  };
  return { isEmpty, isSorted, turnOf };
}

async function* withContents(
  items: Iterable<BuiltItem> | AsyncIterable<BuiltItem>,
  reader: TarFileReader,
): AsyncGenerator<LayerItem> {
  for await (const { item, source } of items) {
    yield source === null ? item : { ...item, content: () => reader.read(source) };
  }
}

/** As a document has it: what is undefined is not there. */
function asJson(config: ContainerConfig): unknown {
  return JSON.parse(JSON.stringify(config));
}
