import { cancelBatch, getBatch, pauseBatch, resumeBatch, retryBatch, setBatchPriority } from '@entrepot/content';
import {
  type BatchItemRow,
  type BatchPlan,
  type BatchRow,
  type Database,
  listBatches,
  listBatchItems,
  pullProgress,
} from '@entrepot/database';
import * as api from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import type { Caller } from '../access/caller.js';
import { demandRole } from '../access/guard.js';
import { BatchService, type BatchView, hasEnded } from '../batches/batch-service.js';
import { InvalidBatchError, readTextBatch, readYamlBatch } from '../batches/parse-batch.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { endEventId, lastEventId } from './event-stream.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

/** How long somebody waits for the plan of one pull. */
const planPatienceMs = 60_000;

/** Many pulls at once: what they would cost, how they go, what is to become of them. */
@Controller()
export class BatchesController {
  constructor(
    private readonly batches: BatchService,
    @Inject(DATABASE) private readonly database: Database,
  ) {}

  @Handles(api.createBatch)
  async create({ body, caller }: Call<typeof api.createBatch>): Promise<Answer<typeof api.createBatch>> {
    if (body.disableContentTrust) demandRole(caller, 'admin');
    return batchJson(await taken(() => this.batches.create(body, ownerOf(caller, body.owner))));
  }

  @Handles(api.createBatchFromFile)
  async createFromFile(call: Call<typeof api.createBatchFromFile>): Promise<Answer<typeof api.createBatchFromFile>> {
    const { query, caller, request, text } = call;
    const isYaml = /yaml|json/.test(request.headers['content-type'] ?? '');
    return await taken(async () => {
      const { places, ...file } = isYaml ? readYamlBatch(text) : readTextBatch(text);
      const wanted = { ...file, ...query };
      if (wanted.disableContentTrust) demandRole(caller, 'admin');
      return batchJson(await this.batches.create(wanted, ownerOf(caller, wanted.owner), places));
    });
  }

  @Handles(api.listBatches)
  async list({ query }: Call<typeof api.listBatches>): Promise<Answer<typeof api.listBatches>> {
    const { cursor, limit, schedule, ...filter } = query;
    const place = decodeCursor(z.tuple([z.iso.datetime(), z.uuid()]), cursor);
    const before = place && { createdAt: new Date(place[0]), id: place[1] };
    const rows = await listBatches(this.database.prisma, { ...filter, scheduleId: schedule, before, limit: limit + 1 });
    return pageFrom(rows, limit, batchJson, (row) => [row.createdAt.toISOString(), row.id]);
  }

  @Handles(api.getBatch)
  async get({ params }: Call<typeof api.getBatch>): Promise<Answer<typeof api.getBatch>> {
    return batchJson(await this.batches.view(params.id));
  }

  @Handles(api.watchBatch)
  async watch({ params, request, signal }: Call<typeof api.watchBatch>): Promise<Answer<typeof api.watchBatch>> {
    await getBatch(this.batches.content, params.id);
    return this.#events(params.id, lastEventId(request), signal);
  }

  async *#events(batchId: string, lastId: string | undefined, signal: AbortSignal) {
    let known = lastId;
    for await (const batch of this.batches.follow(batchId, signal)) {
      const id = eventId(batch);
      if (id !== known) yield { id, event: 'batch', data: batchJson(batch) };
      known = id;
    }
  }

  @Handles(api.listBatchItems)
  async listItems({ params, query }: Call<typeof api.listBatchItems>): Promise<Answer<typeof api.listBatchItems>> {
    const { cursor, limit, state } = query;
    const [after] = decodeCursor(z.tuple([z.int().min(0)]), cursor) ?? [];
    await getBatch(this.batches.content, params.id);
    const options = { after, state, limit: limit + 1 };
    const rows = await listBatchItems(this.database.prisma, params.id, options);
    return pageFrom(rows, limit, itemJson, (row) => [row.position]);
  }

  @Handles(api.getBatchItem)
  async getItem({ params }: Call<typeof api.getBatchItem>): Promise<Answer<typeof api.getBatchItem>> {
    const position = Number(params.position);
    const [item] = await listBatchItems(this.database.prisma, params.id, { after: position - 1, limit: 1 });
    if (item?.position !== position)
      throw new PlatformError(404, 'ITEM_NOT_FOUND', `no item ${position} in this batch`);
    const pull = item.pullId === null ? null : await pullProgress(this.database.prisma, item.pullId);
    return {
      ...itemJson(item),
      timeline: (pull?.events ?? []).map(({ at, line }) => ({ at: at.toISOString(), line })),
    };
  }

  @Handles(api.cancelBatch)
  async cancel({ params, body }: Call<typeof api.cancelBatch>): Promise<Answer<typeof api.cancelBatch>> {
    const items = await cancelBatch(this.batches.content, params.id, body?.items);
    return { items, batch: batchJson(await this.batches.view(params.id)) };
  }

  @Handles(api.retryBatch)
  async retry({ params, body }: Call<typeof api.retryBatch>): Promise<Answer<typeof api.retryBatch>> {
    const options = { cancelled: body?.cancelled, positions: body?.items };
    const items = await retryBatch(this.batches.content, params.id, options);
    if (items > 0) await this.batches.plan(params.id);
    return { items, batch: batchJson(await this.batches.view(params.id)) };
  }

  @Handles(api.pauseBatch)
  async pause({ params }: Call<typeof api.pauseBatch>): Promise<Answer<typeof api.pauseBatch>> {
    await pauseBatch(this.batches.content, params.id);
    return batchJson(await this.batches.view(params.id));
  }

  @Handles(api.resumeBatch)
  async resume({ params }: Call<typeof api.resumeBatch>): Promise<Answer<typeof api.resumeBatch>> {
    await resumeBatch(this.batches.content, params.id);
    await this.batches.plan(params.id);
    return batchJson(await this.batches.view(params.id));
  }

  @Handles(api.changeBatch)
  async change({ params, body }: Call<typeof api.changeBatch>): Promise<Answer<typeof api.changeBatch>> {
    await setBatchPriority(this.batches.content, params.id, body.priority, body.items);
    return batchJson(await this.batches.view(params.id));
  }

  @Handles(api.planPull)
  async planOne({ body, caller, signal }: Call<typeof api.planPull>): Promise<Answer<typeof api.planPull>> {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(planPatienceMs)]);
    const found = await taken(() => this.batches.planOne(body, ownerOf(caller), patience));
    if (found === null)
      throw new PlatformError(504, 'PLAN_LATE', 'the registry lets the plan wait', { retryable: true });
    if (found.item.state === 'failed') {
      const { code, message } = found.item.reason ?? { code: 'UNKNOWN', message: 'it cannot be planned' };
      throw new PlatformError(502, code, message);
    }
    return { item: itemJson(found.item), plan: planJson(found.plan) };
  }
}

/** A tenant is a token's name; where no token is needed, whoever the request says. */
function ownerOf(caller: Caller, wanted?: string): string {
  return caller.name === 'local' ? (wanted ?? caller.name) : caller.name;
}

/** What is wrong with the items goes to the client item by item. */
async function taken<T>(create: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof InvalidBatchError)) throw error;
    const errors = error.issues.slice(0, 100).map((issue) => ({ in: 'body' as const, ...issue }));
    throw new PlatformError(400, error.code, error.message, { errors });
  }
}

function batchJson({ createdAt, finishedAt, waitsUntil, plan, refusal, ...batch }: BatchRow & Partial<BatchView>) {
  return {
    ...batch,
    plan: plan && planJson(plan),
    refusal: refusal && { code: refusal.code, message: refusal.message },
    bytes: batch.bytes ?? null,
    waitsUntil: waitsUntil?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}

function planJson(plan: BatchPlan) {
  const seconds = plan.hosts.filter(({ missingBytes }) => missingBytes > 0).map((host) => host.seconds);
  const known = seconds.filter((one) => one !== null);
  return { ...plan, seconds: known.length < seconds.length ? null : Math.max(0, ...known) };
}

function itemJson({ layerCount, reason, waitsUntil, finishedAt, ...item }: BatchItemRow) {
  return {
    ...item,
    layers: layerCount,
    reason: reason && { code: reason.code, message: reason.message },
    waitsUntil: waitsUntil?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}

/** The same for what looks the same. */
function eventId({ state, paused, counts, bytes, waitsUntil }: BatchView): string {
  if (hasEnded(state)) return endEventId;
  const { queued, planned, running, done, failed, cancelled } = counts;
  const flags = `${state}${paused ? '-paused' : ''}`;
  return [flags, queued, planned, running, done, failed, cancelled, bytes?.done ?? 0, waitsUntil?.getTime() ?? 0].join(
    '.',
  );
}
