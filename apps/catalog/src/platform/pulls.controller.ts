import { cancelPull as cancel, hasEnded, lookAtPull } from '@entrepot/content';
import {
  type Database,
  type ListedPull,
  listPulls as listRows,
  type PullProgress,
  pullProgress,
} from '@entrepot/database';
import { formatReference, parsePlatform, parseReference, withDefaultTag } from '@entrepot/oci';
import { cancelPull, type EndpointOutput, followPull, getPull, listPulls, startPull } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { demandRole } from '../access/guard.js';
import { DATABASE } from '../providers.js';
import { PullStarter } from '../pulls/pull-starter.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { endEventId, lastEventId, type StreamEvent } from './event-stream.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

/** Nobody has to watch a pull that was asked for here; it is forgotten before this is over. */
const unwatchedMs = 48 * 60 * 60_000;

type PullJson = EndpointOutput<typeof getPull>;
type ProgressJson = EndpointOutput<typeof followPull>;

/** Pulls of single images: to start, to watch, to cancel. */
@Controller()
export class PlatformPullsController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly starter: PullStarter,
  ) {}

  @Handles(startPull)
  async start({ body, caller }: Call<typeof startPull>): Promise<Answer<typeof startPull>> {
    const reference = withDefaultTag(parseReference(body.reference));
    const platform = body.platform === undefined ? undefined : parsePlatform(body.platform);
    if (body.disableContentTrust) demandRole(caller, 'admin');
    const wanted = { reference, platform, credential: body.credential, unwatchedMs };
    const { pullId } = await this.starter.start({ ...wanted, skipsSignatures: body.disableContentTrust });
    return this.#get(pullId);
  }

  @Handles(listPulls)
  async list({ query }: Call<typeof listPulls>): Promise<Answer<typeof listPulls>> {
    const { limit, caller } = query;
    const cursor = decodeCursor(z.tuple([z.string().regex(/^[\d :.+-]{10,40}$/), z.uuid()]), query.cursor);
    const after = cursor === undefined ? undefined : { createdAt: cursor[0], id: cursor[1] };
    const reference =
      query.reference === undefined ? undefined : formatReference(withDefaultTag(parseReference(query.reference)));
    const filter = { states: query.state, reference, caller };
    const rows = await listRows(this.database.prisma, filter, { after, limit: limit + 1 });
    return pageFrom(rows, limit, summaryJson, (row) => [row.createdAtText, row.id]);
  }

  @Handles(getPull)
  async get({ params }: Call<typeof getPull>): Promise<Answer<typeof getPull>> {
    return this.#get(params.id);
  }

  @Handles(followPull)
  async follow({ params, request, signal }: Call<typeof followPull>): Promise<Answer<typeof followPull>> {
    await this.#get(params.id);
    const afterEventId = Number(/^\d{1,15}$/.exec(lastEventId(request) ?? '')?.[0] ?? 0);
    return this.#stream(lookAtPull(this.database, params.id, { signal, afterEventId }), afterEventId);
  }

  @Handles(cancelPull)
  async cancel({ params }: Call<typeof cancelPull>): Promise<Answer<typeof cancelPull>> {
    await this.#get(params.id);
    await cancel(this.starter.content, params.id);
    return this.#get(params.id);
  }

  async #get(id: string): Promise<PullJson> {
    const [row] = await listRows(this.database.prisma, { id }, { limit: 1 });
    const progress = await pullProgress(this.database.prisma, id);
    if (row === undefined || progress === null)
      throw new PlatformError(404, 'PULL_NOT_FOUND', `there is no pull ${id}`);
    return { ...summaryJson(row), ...progressJson(progress) };
  }

  async *#stream(looks: AsyncIterable<PullProgress>, afterEventId: number): AsyncGenerator<StreamEvent<ProgressJson>> {
    let last = afterEventId;
    for await (const look of looks) {
      last = look.events.at(-1)?.id ?? last;
      yield { id: hasEnded(look) ? endEventId : String(last), event: look.state, data: progressJson(look) };
    }
  }
}

function summaryJson({ createdAtText: _, ...row }: ListedPull): EndpointOutput<typeof listPulls>['items'][number] {
  const { createdAt, finishedAt } = row;
  return { ...row, createdAt: createdAt.toISOString(), finishedAt: finishedAt?.toISOString() ?? null };
}

function progressJson(progress: PullProgress): ProgressJson {
  const { state, outcome, error, targetDigest, layers, events } = progress;
  const timeline = events.map(({ id, at, line }) => ({ id, at: at.toISOString(), line }));
  return { state, outcome, error, targetDigest, blobs: layers, timeline };
}
