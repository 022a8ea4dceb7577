import { containerEvent } from '@entrepot/content';
import { insertEvents } from '@entrepot/database';
import { wellFormedText } from '@entrepot/layers';
import { ambiguousName, type Digest, parsePlatform, parseReference, type Reference } from '@entrepot/oci';
import type { Reach } from '@entrepot/registry-client';
import {
  Controller,
  Get,
  Head,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InternalGuard } from '../internal-guard.js';
import type { LayerTrees } from '../layer-trees.js';
import { LAYER_TREES, LOAD_PARTS } from '../providers.js';
import { applyChanges } from './apply-changes.js';
import { commitContainer } from './commit.js';
import { ContainerTrees, makeConfigured, type OpenContainer } from './container-trees.js';
import { ContainerErrorFilter } from './error-filter.js';
import { ContainerPathError } from './errors.js';
import { findOwner } from './find-owner.js';
import { type ImportParts, importImage } from './import-image.js';
import { openUrl } from './open-url.js';
import { findPath, findTarget, statHeader } from './paths.js';
import { stageArchive } from './stage-archive.js';
import { StagedContent } from './staged-content.js';
import { archiveFiles } from './tree-archive.js';
import { unpack } from './unpack.js';

type QueryValues = Readonly<Record<string, string | string[] | undefined>>;

/** What of Docker's API looks into containers, or makes images of tars; catalog passes the requests on as they are. */
@Controller('internal')
@UseGuards(InternalGuard)
@UseFilters(ContainerErrorFilter)
export class ContainersController {
  readonly #trees: ContainerTrees;

  constructor(
    @Inject(LOAD_PARTS) private readonly parts: ImportParts & { reach: Reach },
    @Inject(LAYER_TREES) trees: LayerTrees,
  ) {
    this.#trees = new ContainerTrees(parts.content, trees);
  }

  @Head('containers/:name/archive')
  async stat(@Param('name') name: string, @Query() query: QueryValues, @Res() reply: FastifyReply): Promise<void> {
    const opened = await this.#trees.open(name);
    const found = findPath(opened, pathIn(query), name);
    await reply.header('x-docker-container-path-stat', statHeader(opened, found)).send();
  }

  /** `docker cp` out of a container. */
  @Get('containers/:name/archive')
  async read(@Param('name') name: string, @Query() query: QueryValues, @Res() reply: FastifyReply): Promise<void> {
    const opened = await this.#trees.open(name);
    const found = findPath(opened, pathIn(query), name);
    const { path } = found.file;
    await this.#tell(opened, 'archive-path');
    const tar = await archiveFiles(
      this.parts.content,
      opened,
      () => opened.tree.walk(path),
      (below) => renamed(below, path, found.name),
    );
    void reply
      .headers({ 'content-type': 'application/x-tar', 'x-docker-container-path-stat': statHeader(opened, found) })
      .send(tar);
  }

  /** `docker cp` into a container. */
  @Put('containers/:name/archive')
  async write(
    @Param('name') name: string,
    @Query() query: QueryValues,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const opened = await this.#trees.open(name);
    const path = pathIn(query);
    findTarget(opened, path, name);
    const owner = isTrue(query.copyUIDGID) ? await findOwner(this.parts.content, opened) : undefined;
    const content = new StagedContent(this.parts.content);
    let isKept = false;
    try {
      const entries = await stageArchive(request.raw, content);
      const options = { keepKinds: isTrue(query.noOverwriteDirNonDir), owner };
      await this.#trees.change(opened, {
        objects: content.objects,
        action: 'extract-to-dir',
        apply: (now) => {
          const nowMs = Date.now();
          // A daemon mounts the volumes before it unpacks anything.
          makeConfigured(now.tree, Object.keys((now.container.config.Volumes ?? {}) as object), nowMs);
          return unpack(now.tree, findTarget(now, path, name), entries, { ...options, nowMs });
        },
      });
      isKept = true;
    } finally {
      await content.close(isKept ? content.objects : []);
    }
    await reply.code(200).send();
  }

  /** `docker diff`. */
  @Get('containers/:name/changes')
  async changes(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    const { tree } = await this.#trees.openOwn(name);
    const kinds = { changed: 0, added: 1, deleted: 2 };
    const changes = Array.from(tree.changes(), ({ path, kind }) => ({
      Path: `/${wellFormedText(path)}`,
      Kind: kinds[kind],
    }));
    const body = changes.length > 0 ? changes : null;
    await reply.header('content-type', 'application/json').send(`${JSON.stringify(body)}\n`);
  }

  /** `docker export`. */
  @Get('containers/:name/export')
  async export(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    const opened = await this.#trees.open(name);
    const files = function* () {
      for (const file of opened.tree.walk()) if (file.path !== '') yield file;
    };
    await this.#tell(opened, 'export');
    const tar = await archiveFiles(this.parts.content, opened, files, (path) => path);
    void reply.header('content-type', 'application/octet-stream').send(tar);
  }

  @Post('commit')
  async commit(@Query() query: QueryValues, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    request.raw.resume();
    const changes = all(query.changes);
    // Checked before anything is opened.
    applyChanges({}, changes);
    const opened = await this.#trees.openOwn(one(query.container));
    const id = await commitContainer(this.parts, opened, {
      name: readName(one(query.repo), one(query.tag)),
      comment: one(query.comment),
      author: one(query.author),
      change: (config) => applyChanges(config, changes),
    });
    await reply
      .code(201)
      .header('content-type', 'application/json')
      .send(`${JSON.stringify({ Id: id })}\n`);
  }

  /** `docker import`: of the body, or of what is at an address. */
  @Post('import')
  async import(@Query() query: QueryValues, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const from = one(query.fromSrc);
    const platform = one(query.platform);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const wanted = {
      name: readName(one(query.repo), one(query.tag)),
      platform: platform === '' ? null : parsePlatform(platform.toLowerCase()),
      message: one(query.message) || `Imported from ${from}`,
      changes: all(query.changes),
    };
    applyChanges({}, wanted.changes);
    const source =
      from === '-'
        ? request.raw
        : (await openUrl(from.includes('://') ? from : `http://${from}`, this.parts.reach, gone.signal)).body;
    const id: Digest = await importImage(this.parts, source, wanted);
    const head = from === '-' ? [] : [{ status: `Downloading from ${from}` }];
    const messages = [...head, { status: id }].map((message) => `${JSON.stringify(message)}\r\n`).join('');
    await reply.code(200).header('content-type', 'application/json').send(messages);
  }

  #tell({ container }: OpenContainer, action: string): Promise<void> {
    return insertEvents(this.parts.content.database.prisma, [containerEvent(container, action)]);
  }
}

/** The names of a directory's content begin with what the client called it. */
function renamed(path: string, top: string, name: string): string {
  if (path === top) return name;
  const rest = top === '' ? path : path.slice(top.length + 1);
  return name === '/' ? `/${rest}` : `${name}/${rest}`;
}

function pathIn(query: QueryValues): string {
  const path = one(query.path);
  if (path === '') throw new ContainerPathError(400, 'bad parameter: pathcannot be empty');
  return path;
}

function readName(repository: string, tag: string): Reference | null {
  if (repository === '') return null;
  const name = parseReference(tag === '' ? repository : `${repository}:${tag}`);
  if (name.digest !== undefined) throw new ContainerPathError(400, 'cannot import digest reference');
  const reason = ambiguousName(name);
  if (reason !== null) throw new ContainerPathError(400, reason);
  return name;
}

const one = (value: QueryValues[string]): string => (Array.isArray(value) ? value[0] : value) ?? '';

const all = (value: QueryValues[string]): string[] => (value === undefined ? [] : [value].flat());

const isTrue = (value: QueryValues[string]): boolean =>
  !['', '0', 'no', 'false', 'none'].includes(one(value).toLowerCase());
