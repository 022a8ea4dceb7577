import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { decodePlan } from '@entrepot/archive';
import type { ServiceConfig } from '@entrepot/config';
import { announceArchive, createSecretBox, type SecretBox } from '@entrepot/content';
import {
  type ArchiveRow,
  type Database,
  deleteArchive as deleteRow,
  findArchive,
  insertArchive,
  insertEvents,
  listArchives as listRows,
  type NewArchive,
} from '@entrepot/database';
import { type JobDefinition, type JobQueue, loadArchive, planArchive } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import { formatPlatform, parsePlatform } from '@entrepot/oci';
import {
  beginUpload,
  continueUpload,
  deleteArchive,
  downloadArchive,
  type EndpointOutput,
  followArchive,
  getArchive,
  listArchives,
  loadFromUrl,
  saveArchive,
  uploadArchive,
} from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { archiveLink, isKeyOf } from '../archives/archive-link.js';
import { ArchiveService } from '../archives/archive-service.js';
import { ArchiverRelay } from '../archives/archiver-relay.js';
import { openDownload } from '../archives/open-download.js';
import { CONFIG, DATABASE, JOB_QUEUE, LOGGER } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { endEventId, lastEventId, type StreamEvent } from './event-stream.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';
import { readLoad } from './read-load.js';

type ArchiveJson = EndpointOutput<typeof getArchive>;

const lookAnywayMs = 2_000;

/** Archives: saved ones under a link that expires, and those that are loaded. */
@Controller()
export class ArchivesController {
  readonly #secretBox: SecretBox;

  constructor(
    @Inject(CONFIG) config: ServiceConfig,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly archives: ArchiveService,
    private readonly relay: ArchiverRelay,
  ) {
    this.#secretBox = createSecretBox(config.secretKey);
  }

  @Handles(saveArchive)
  async save({ body }: Call<typeof saveArchive>): Promise<Answer<typeof saveArchive>> {
    const request = { names: body.names, platform: normalized(body.platform) };
    return this.#start(planArchive, { kind: 'save', request, ttlMs: body.lifeSeconds * 1000 });
  }

  @Handles(loadFromUrl)
  async load({ body }: Call<typeof loadFromUrl>): Promise<Answer<typeof loadFromUrl>> {
    const { username, password } = new URL(body.url);
    if (username !== '' || password !== '') {
      throw new PlatformError(400, 'INVALID_REQUEST', 'body url: expected a URL without credentials');
    }
    const request = { url: body.url, platform: normalized(body.platform) };
    return this.#start(loadArchive, { kind: 'load', request, ttlMs: body.lifeSeconds * 1000 });
  }

  @Handles(uploadArchive)
  async upload({ query, request, signal }: Call<typeof uploadArchive>): Promise<Answer<typeof uploadArchive>> {
    const search = new URLSearchParams({ quiet: '1' });
    if (query.platform !== undefined) search.set('platform', JSON.stringify(parsePlatform(query.platform)));
    const relayed = {
      ...{ method: 'POST' as const, path: `/internal/load?${search}`, upload: request.raw },
      headers: { 'content-type': 'application/x-tar' },
    };
    const broken = 'the archive was not read to its end; load it again';
    return { loaded: await readLoad(this.relay.messages(relayed, broken, signal)) };
  }

  @Handles(beginUpload)
  async begin({ body, caller }: Call<typeof beginUpload>): Promise<Answer<typeof beginUpload>> {
    const { sizeBytes, fingerprint, lifeSeconds } = body;
    const request = { platform: normalized(body.platform) };
    const same = [caller.name, fingerprint ?? randomUUID(), sizeBytes, request.platform];
    const receptionKey = createHash('sha256').update(JSON.stringify(same)).digest('hex');
    const announcement = { request, sizeBytes, receptionKey, lifeMs: lifeSeconds * 1000 };
    const id = await this.database.transaction(async (tx) => {
      const archive = await announceArchive(tx, announcement);
      const event = { type: 'archive' as const, action: 'create', actorId: archive.id, attributes: { kind: 'load' } };
      if (archive.isNew) await insertEvents(tx, [event]);
      return archive.id;
    });
    return this.#get(id);
  }

  @Handles(continueUpload)
  async continue({ params, query, request, signal }: Call<typeof continueUpload>): Promise<ArchiveJson> {
    await this.#get(params.id);
    const relayed = {
      ...{ method: 'PATCH' as const, path: `/internal/archives/${params.id}/bytes?offset=${query.offset}` },
      ...{ upload: request.raw, headers: { 'content-type': 'application/octet-stream' } },
    };
    try {
      const { body } = await this.relay.send(relayed, signal);
      await body.dump();
    } finally {
      // Whoever still sends must be able to come to an end, or it never reads the answer.
      request.raw.resume();
    }
    return this.#get(params.id);
  }

  @Handles(listArchives)
  async list({ query }: Call<typeof listArchives>): Promise<Answer<typeof listArchives>> {
    const cursor = decodeCursor(z.tuple([z.string().regex(/^[\d :.+-]{10,40}$/), z.uuid()]), query.cursor);
    const after = cursor === undefined ? undefined : { createdAt: cursor[0], id: cursor[1] };
    const rows = await listRows(this.database.prisma, { after, limit: query.limit + 1 });
    return pageFrom(
      rows,
      query.limit,
      (row) => this.#json(row),
      (row) => [row.createdAtText, row.id],
    );
  }

  @Handles(getArchive)
  async get({ params }: Call<typeof getArchive>): Promise<Answer<typeof getArchive>> {
    return this.#get(params.id);
  }

  @Handles(followArchive)
  async follow({ params, request, signal }: Call<typeof followArchive>): Promise<Answer<typeof followArchive>> {
    await this.#get(params.id);
    return this.#looks(params.id, lastEventId(request), signal);
  }

  @Handles(downloadArchive)
  async download(call: Call<typeof downloadArchive>): Promise<Answer<typeof downloadArchive>> {
    const { params, query, request, reply, signal } = call;
    const row = isKeyOf(this.#secretBox, params.id, query.key)
      ? await findArchive(this.database.prisma, params.id)
      : null;
    if (row === null || row.kind !== 'save') throw notFound(params.id);
    if (row.state !== 'planned') {
      throw new PlatformError(409, 'ARCHIVE_NOT_READY', `archive ${row.id} is ${row.state}`, { retryable: true });
    }
    const { archive, imageIds } = row.plan as { archive: unknown; imageIds: string[] };
    const plan = decodePlan(archive);
    const range = openDownload(request, reply, plan);
    if (range === 'unsatisfiable' || range === 'unchanged') return undefined;
    void reply.header('content-disposition', `attachment; filename="images-${row.id.slice(0, 8)}.tar"`);
    return Readable.from(copies(this.archives.read({ id: row.id, plan, imageIds }, range, signal)));
  }

  @Handles(deleteArchive)
  async delete({ params }: Call<typeof deleteArchive>): Promise<undefined> {
    const { id, kind } = await this.#get(params.id);
    await this.database.transaction(async (tx) => {
      await deleteRow(tx, id);
      await insertEvents(tx, [{ type: 'archive', action: 'delete', actorId: id, attributes: { kind } }]);
    });
    return undefined;
  }

  /** The row is known before its job; a job that could not be added is added by a sweep. */
  async #start(job: JobDefinition<{ archiveId: string }>, archive: NewArchive): Promise<ArchiveJson> {
    const id = await this.database.transaction(async (tx) => {
      const archiveId = await insertArchive(tx, { ...archive, listed: true });
      const kind = archive.kind ?? 'save';
      await insertEvents(tx, [{ type: 'archive', action: 'create', actorId: archiveId, attributes: { kind } }]);
      return archiveId;
    });
    await this.queue
      .enqueue(job, { archiveId: id })
      .catch((error: unknown) => this.logger.warn({ err: error }, 'an archive has to wait for the next sweep'));
    return this.#get(id);
  }

  async #get(id: string): Promise<ArchiveJson> {
    const [row] = await listRows(this.database.prisma, { id, limit: 1 });
    if (row === undefined) throw notFound(id);
    return this.#json(row);
  }

  async *#looks(id: string, last: string | undefined, signal: AbortSignal): AsyncGenerator<StreamEvent<ArchiveJson>> {
    const changes = this.database.signals.watch(`archive:${id}`);
    let said = last;
    try {
      while (!signal.aborted) {
        const [row] = await listRows(this.database.prisma, { id, limit: 1 });
        if (row === undefined) return;
        const data = this.#json(row);
        const isOver = !['receiving', 'queued', 'running'].includes(data.state);
        const eventId = isOver ? endEventId : `${data.state}-${data.bytesDone}`;
        if (eventId !== said) yield { id: eventId, event: data.state, data };
        said = eventId;
        if (isOver) return;
        await changes.wait({ timeoutMs: lookAnywayMs, signal });
      }
    } finally {
      changes.close();
    }
  }

  #json(row: Omit<ArchiveRow, 'plan'>): ArchiveJson {
    const { id, kind, request, state, sizeBytes, bytesDone, etag, error, caller, result, createdAt, expiresAt } = row;
    const { names = [], url, platform } = request as { names?: string[]; url?: string; platform: string | null };
    const { loaded = [] } = (result ?? {}) as { loaded?: string[] };
    return {
      ...{ id, kind, names, platform, sizeBytes, bytesDone, etag, loaded, error, caller },
      state: state === 'planned' ? 'ready' : state,
      source: url === undefined ? null : new URL(url).host,
      link: state === 'planned' ? archiveLink(this.#secretBox, id) : null,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
    };
  }
}

/** Who shows a wrong key learns as little as who asks for what is not there. */
function notFound(id: string): PlatformError {
  return new PlatformError(404, 'ARCHIVE_NOT_FOUND', `there is no archive ${id}, or its time is over`);
}

function normalized(platform: string | undefined): string | null {
  return platform === undefined ? null : formatPlatform(parsePlatform(platform));
}

/** Of pieces that are good until the next one only; a stream holds several. */
async function* copies(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
