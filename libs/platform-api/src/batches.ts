import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { failure } from './pulls.js';
import { digest, time } from './values.js';

/** Items that one batch may have. */
export const maxBatchItems = 10_000;
const maxBatchBytes = 8 * 1024 * 1024;

const batches = { tags: ['batches'] };
const batchId = z.uuid().describe('The id of a batch.');

export const batchPriority = z.enum(['low', 'normal', 'high']);

const shortText = z.string().min(1).max(256);
const labels = z
  .record(z.string().min(1).max(128), z.string().max(1024))
  .refine((map) => Object.keys(map).length <= 64, {
    message: 'expected at most 64 labels',
  });
const reference = z.string().min(1).max(4096);

/** What one item of a batch may say of itself; the batch says the rest. */
const batchItemRequest = z
  .strictObject({
    reference: reference.describe('As `docker pull` takes it.'),
    platform: shortText.optional(),
    priority: batchPriority.optional(),
    labels: labels.optional(),
  })
  .meta({ id: 'BatchItemRequest' });

const disableContentTrust = z
  .boolean()
  .optional()
  .describe('Pull whatever the trust policy says of signatures; needs the role admin, and is remembered as an event.');

/** One batch as somebody asks for it; YAML files have the same shape. */
export const batchRequest = z
  .strictObject({
    items: z
      .array(
        z.union([reference, batchItemRequest], {
          error: 'expected a reference, or an object with `reference`, `platform`, `priority` and `labels`',
        }),
      )
      .min(1, 'expected at least one item')
      .max(maxBatchItems, {
        error: ({ input }) => `expected at most ${maxBatchItems} items, not ${(input as unknown[]).length}`,
      }),
    platform: shortText.optional().describe('Of items that name none.'),
    priority: batchPriority.optional(),
    labels: labels.optional(),
    owner: shortText.optional().describe('Who shares fairly; the name of the token where there is one.'),
    dryRun: z.boolean().optional().describe('Only plan; nothing is fetched.'),
    disableContentTrust,
  })
  .meta({ id: 'BatchRequest' });

export type BatchRequest = z.output<typeof batchRequest>;

const batchPlan = z
  .object({
    layers: z.int(),
    layersHere: z.int().describe('Of them, those that were here.'),
    totalBytes: z.int().describe('Of distinct blobs.'),
    missingBytes: z.int().describe('Of distinct blobs that have to be fetched.'),
    seconds: z.int().nullable().describe('At the recent speed of the registries; null when one of them is not known.'),
    hosts: z.array(
      z.object({
        host: z.string(),
        missingBytes: z.int(),
        manifestRequests: z.int().describe('What a registry counts as pulls.'),
        seconds: z.int().nullable(),
        quota: z.object({ limit: z.int(), remaining: z.int(), resetsAt: time }).nullable(),
      }),
    ),
  })
  .meta({ id: 'BatchPlan' });

const itemCounts = z
  .object({
    queued: z.int().describe('Not planned yet.'),
    planned: z.int().describe('Waiting for their turn.'),
    running: z.int(),
    done: z.int(),
    failed: z.int(),
    cancelled: z.int(),
  })
  .meta({ id: 'ItemCounts' });

export const batch = z
  .object({
    id: batchId,
    owner: z.string(),
    state: z.enum(['planning', 'planned', 'refused', 'running', 'done', 'cancelled']),
    dryRun: z.boolean(),
    paused: z.boolean(),
    priority: batchPriority,
    labels: z.record(z.string(), z.string()),
    scheduleId: z.uuid().nullable(),
    itemCount: z.int(),
    counts: itemCounts,
    plan: batchPlan.nullable().describe('Null until all items were looked at.'),
    refusal: failure.nullable().describe('Why it was refused as a whole.'),
    waitsUntil: time.nullable().describe('Until when a registry keeps the first waiting item waiting.'),
    bytes: z
      .object({ needed: z.int(), done: z.int() })
      .nullable()
      .describe('How far it is; only where one batch is asked for.'),
    createdAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Batch' });

const itemState = z.enum(['queued', 'planned', 'running', 'done', 'failed', 'cancelled']);

export const batchItem = z
  .object({
    position: z.int().describe('From 1, in the order of the request.'),
    reference: z.string(),
    platform: z.string().nullable(),
    priority: batchPriority,
    labels: z.record(z.string(), z.string()),
    state: itemState,
    outcome: z.enum(['downloaded', 'up-to-date']).nullable(),
    reason: failure.nullable().describe('Why it failed, or why it waits.'),
    waitsUntil: time.nullable(),
    pullId: z.uuid().nullable(),
    targetDigest: digest.nullable(),
    layers: z.int().nullable(),
    layersHere: z.int().nullable(),
    totalBytes: z.int().nullable(),
    missingBytes: z.int().nullable(),
    manifestRequests: z.int().nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'BatchItem' });

export const createBatch = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/batches',
  role: 'operator',
  summary: 'Pull many images, or plan to',
  description: 'The batch is planned first: see its `plan`. A dry run ends there. Items succeed or fail alone.',
  body: batchRequest,
  maxBodyBytes: maxBatchBytes,
  response: batch,
  status: 202,
  startsWork: true,
});

export const createBatchFromFile = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/batches/file',
  role: 'operator',
  summary: 'Pull the images of a file, or plan to',
  description:
    'Text has one reference a line, and comments after `#`. YAML has the shape of a BatchRequest. The query stands over the file.',
  query: {
    platform: shortText.optional(),
    priority: batchPriority.optional(),
    owner: shortText.optional(),
    dryRun: z.boolean().optional(),
    disableContentTrust,
  },
  upload: ['text/plain', 'application/yaml'],
  maxBodyBytes: maxBatchBytes,
  response: batch,
  status: 202,
  startsWork: true,
});

export const listBatches = defineEndpoint({
  ...batches,
  method: 'GET',
  path: '/batches',
  role: 'reader',
  summary: 'List batches, the newest first',
  query: {
    ...pageQuery,
    owner: shortText.optional(),
    state: batch.shape.state.optional(),
    schedule: z.uuid().optional().describe('Runs of this schedule.'),
  },
  response: pageOf(batch, 'BatchPage'),
});

export const getBatch = defineEndpoint({
  ...batches,
  method: 'GET',
  path: '/batches/{id}',
  role: 'reader',
  summary: 'Show a batch',
  params: { id: batchId },
  response: batch,
});

export const watchBatch = defineEndpoint({
  ...batches,
  method: 'GET',
  path: '/batches/{id}/events',
  role: 'reader',
  summary: 'Follow a batch to its end',
  description: 'Each event is the whole batch as it stands. Who comes back with the last id is told only what is new.',
  params: { id: batchId },
  response: batch,
  stream: 'events',
});

export const listBatchItems = defineEndpoint({
  ...batches,
  method: 'GET',
  path: '/batches/{id}/items',
  role: 'reader',
  summary: 'List the items of a batch in their order',
  params: { id: batchId },
  query: { ...pageQuery, state: itemState.optional() },
  response: pageOf(batchItem, 'BatchItemPage'),
});

export const getBatchItem = defineEndpoint({
  ...batches,
  method: 'GET',
  path: '/batches/{id}/items/{position}',
  role: 'reader',
  summary: 'Show one item of a batch with the timeline of its pull',
  params: { id: batchId, position: z.string().regex(/^[1-9]\d{0,4}$/, 'expected a number from 1') },
  response: batchItem
    .extend({ timeline: z.array(z.object({ at: time, line: z.string() })) })
    .meta({ id: 'BatchItemDetail' }),
});

const positions = z
  .array(z.int().min(1).max(maxBatchItems))
  .min(1)
  .max(maxBatchItems)
  .optional()
  .describe('Only these; all when it is left out.');

const changed = z
  .object({ items: z.int().describe('How many items it concerned.'), batch })
  .meta({ id: 'BatchChange' });

export const cancelBatch = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/batches/{id}/cancel',
  role: 'operator',
  summary: 'Cancel what has not ended',
  params: { id: batchId },
  body: z.strictObject({ items: positions }).optional(),
  response: changed,
});

export const retryBatch = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/batches/{id}/retry',
  role: 'operator',
  summary: 'Try again what failed',
  params: { id: batchId },
  body: z
    .strictObject({ items: positions, cancelled: z.boolean().optional().describe('What was cancelled, too.') })
    .optional(),
  response: changed,
});

export const pauseBatch = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/batches/{id}/pause',
  role: 'operator',
  summary: 'Stop a batch for a while; what its transfers have brought is kept',
  params: { id: batchId },
  response: batch,
});

export const resumeBatch = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/batches/{id}/resume',
  role: 'operator',
  summary: 'Let a paused batch go on',
  params: { id: batchId },
  response: batch,
});

export const changeBatch = defineEndpoint({
  ...batches,
  method: 'PATCH',
  path: '/batches/{id}',
  role: 'operator',
  summary: 'Change how much a batch, or some of its items, matters',
  params: { id: batchId },
  body: z.strictObject({ priority: batchPriority, items: positions }),
  response: batch,
});

export const planPull = defineEndpoint({
  ...batches,
  method: 'POST',
  path: '/pulls/plan',
  role: 'operator',
  summary: 'Say what a pull would fetch; nothing is fetched',
  body: z.strictObject({ reference, platform: shortText.optional() }),
  response: z.object({ item: batchItem, plan: batchPlan }).meta({ id: 'PullPlan' }),
});
