import { type Database, findLatestManifest, listLayerFacts, listStoredBytes } from '@entrepot/database';
import { type Digest, type ImageConfig, parsePlatform } from '@entrepot/oci';
import {
  compareImages,
  downloadPath,
  listImageLayers,
  listTree,
  measureWaste,
  readFile,
  statPath,
} from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { ArchiverRelay } from '../archives/archiver-relay.js';
import { describeImage } from '../images/describe-image.js';
import { askLayers, openInLayers } from '../insides/ask-layers.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';
import { keepsTo } from './waste-rule.js';

const shownNames = 20;

interface StackQuery {
  platform?: string | undefined;
  layer?: number | undefined;
}

/** What is in an image: its layers, the tree they show, what they waste. */
@Controller()
export class LayersController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly relay: ArchiverRelay,
  ) {}

  @Handles(listImageLayers)
  async layers({ params, query, signal }: Call<typeof listImageLayers>): Promise<Answer<typeof listImageLayers>> {
    const { prisma } = this.database;
    const { imageId, layers, config } = await this.#stack(params.name, query);
    const { changes } = (await this.#ask('changes', { layers }, signal)) as { changes: LayerAnswer['changes'][] };
    const manifest = await findLatestManifest(prisma, imageId);
    const facts = manifest === null ? [] : await listLayerFacts(prisma, manifest, shownNames);
    const [bytes] = await listStoredBytes(prisma, { key: { by: 'image' }, limit: 1, imageIds: [imageId] });
    const lines = config.history.filter(({ emptyLayer }) => !emptyLayer);
    return {
      layers: facts.map(({ entries: _, error: __, ...fact }, at) => ({
        ...fact,
        createdBy: lines[at]?.createdBy ?? '',
        changes: changes[at] ?? noChanges,
      })),
      totalBytes: bytes?.totalBytes ?? 0,
      sharedBytes: bytes?.sharedBytes ?? 0,
      uniqueBytes: bytes?.uniqueBytes ?? 0,
    };
  }

  @Handles(listTree)
  async tree({ params, query, signal }: Call<typeof listTree>): Promise<Answer<typeof listTree>> {
    const { layers } = await this.#stack(params.name, query);
    const question = { layers, path: query.path, after: query.cursor ?? null, limit: query.limit + 1 };
    const page = (await this.#ask('list', question, signal)) as Answer<typeof listTree>;
    return { ...page, ...cut(page.items, query.limit, ({ name }) => name) };
  }

  @Handles(statPath)
  async stat({ params, query, signal }: Call<typeof statPath>): Promise<Answer<typeof statPath>> {
    const { layers } = await this.#stack(params.name, query);
    const question = { layers, path: query.path, follow: query.follow };
    return (await this.#ask('stat', question, signal)) as Answer<typeof statPath>;
  }

  @Handles(readFile)
  async cat({ params, query, signal, reply }: Call<typeof readFile>): Promise<Answer<typeof readFile>> {
    const { layers } = await this.#stack(params.name, query);
    const { entry, content } = await openInLayers(
      this.relay,
      { name: 'cat', body: { layers, path: query.path } },
      signal,
    );
    const { sizeBytes, sha256 } = entry as Answer<typeof statPath>;
    // What an image holds is never run in the browser of whoever looks at it.
    void reply.headers({
      ...{ 'content-type': 'application/octet-stream', 'content-length': sizeBytes },
      ...{ 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' },
      ...(sha256 === null ? {} : { etag: `"${sha256}"` }),
    });
    return content;
  }

  @Handles(downloadPath)
  async download({ params, query, signal, reply }: Call<typeof downloadPath>): Promise<Answer<typeof downloadPath>> {
    const { layers } = await this.#stack(params.name, query);
    const { entry, content } = await openInLayers(
      this.relay,
      { name: 'pack', body: { layers, path: query.path } },
      signal,
    );
    const { name } = entry as Answer<typeof statPath>;
    const fileName = `${name === '' ? 'root' : name.replace(/[^\w.-]/g, '_')}.tar`;
    void reply.headers({
      'content-type': 'application/x-tar',
      'content-disposition': `attachment; filename="${fileName}"`,
    });
    return content;
  }

  @Handles(compareImages)
  async compare({ params, query, signal }: Call<typeof compareImages>): Promise<Answer<typeof compareImages>> {
    const { layers } = await this.#stack(params.name, query);
    const { layers: others } = await this.#stack(query.to, { platform: query.toPlatform });
    const question = { layers, others, after: query.cursor ?? null, limit: query.limit + 1 };
    const found = (await this.#ask('compare', question, signal)) as Answer<typeof compareImages>;
    return { ...found, ...cut(found.items, query.limit, ({ path }) => path) };
  }

  @Handles(measureWaste)
  async waste({ params, query, signal }: Call<typeof measureWaste>): Promise<Answer<typeof measureWaste>> {
    const { layers } = await this.#stack(params.name, query);
    const report = await this.#ask('waste', { layers, limit: query.limit }, signal);
    const { wastedBytes, userBytes, ...rest } = report as Omit<Answer<typeof measureWaste>, 'wastedPercent' | 'passes'>;
    const wastedPercent = userBytes === 0 ? 0 : (wastedBytes / userBytes) * 100;
    const passes = query.maxWaste === undefined || keepsTo(query.maxWaste, { wastedBytes, wastedPercent });
    return { ...rest, wastedBytes, userBytes, wastedPercent, passes };
  }

  #ask(name: string, body: object, signal: AbortSignal): Promise<unknown> {
    return askLayers(this.relay, { name, body }, signal);
  }

  async #stack(
    name: string,
    { platform, layer }: StackQuery,
  ): Promise<{ imageId: Digest; layers: Digest[]; config: ImageConfig }> {
    const wanted = platform === undefined ? undefined : parsePlatform(platform);
    const { detail, config } = await describeImage(this.database.prisma, name, wanted);
    const layers = detail.layers.map(({ digest }) => digest);
    if (layer !== undefined && layer >= layers.length) {
      throw new PlatformError(404, 'LAYER_NOT_FOUND', `${name} has ${layers.length} layers, the lowest being 0`);
    }
    return { imageId: detail.id, config, layers: layer === undefined ? layers : layers.slice(0, layer + 1) };
  }
}

type LayerAnswer = Answer<typeof listImageLayers>['layers'][number];

const noChanges: LayerAnswer['changes'] = {
  ...{ entries: 0, added: 0, changed: 0, deleted: 0 },
  ...{ addedBytes: 0, changedBytes: 0, deletedBytes: 0 },
};

/** A page out of one item more than fits. */
function cut<T>(items: T[], limit: number, key: (item: T) => string): { items: T[]; nextCursor: string | null } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown, nextCursor: items.length > limit && last !== undefined ? key(last) : null };
}
