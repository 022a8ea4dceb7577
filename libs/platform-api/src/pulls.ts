import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { digest, platform, time } from './values.js';

const resource = { tags: ['pulls'] };
const id = z.uuid();

/** Why something failed. `code` is for programs, `message` for people. */
export const failure = z.object({ code: z.string(), message: z.string() }).meta({ id: 'Failure' });

export const pullState = z.enum(['queued', 'fetching', 'publishing', 'done', 'failed', 'cancelled']);

const summary = z.object({
  id,
  reference: z.string(),
  platform: z.string().nullable(),
  kind: z.enum(['interactive', 'batch']),
  state: pullState,
  outcome: z.enum(['downloaded', 'up-to-date']).nullable(),
  error: failure.nullable(),
  caller: z.string().nullable().describe('Who asked for it first.'),
  createdAt: time,
  finishedAt: time.nullable(),
  sizeBytes: z.int().describe('Of all its blobs, 0 until it is resolved.'),
  bytesDone: z.int().describe('Of them, bytes that are here.'),
});

const timelineLine = z.object({ id: z.int(), at: time, line: z.string() }).meta({ id: 'TimelineLine' });

/** How far a pull is. */
const progress = {
  state: pullState,
  outcome: summary.shape.outcome,
  error: failure.nullable(),
  targetDigest: digest.nullable().describe('The index or manifest that the reference names.'),
  blobs: z.array(
    z.object({
      digest,
      mediaType: z.string(),
      sizeBytes: z.int(),
      bytesDone: z.int(),
      wasHere: z.boolean().describe('Stored before the pull began.'),
      stored: z.boolean(),
    }),
  ),
};

/** A pull with its blobs and its timeline. */
export const pull = z.object({ ...summary.shape, ...progress, timeline: z.array(timelineLine) }).meta({ id: 'Pull' });

/** A credential that is used for one request and kept no longer than the work lasts. */
export const credential = z
  .union([
    z.strictObject({ username: z.string().min(1), password: z.string().min(1) }),
    z.strictObject({ identityToken: z.string().min(1) }),
    z.strictObject({ registryToken: z.string().min(1) }),
  ])
  .meta({ id: 'Credential' });

export const startPull = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/pulls',
  role: 'operator',
  summary: 'Pull an image',
  description:
    'Who asks for what is being pulled already joins that pull. It goes on whether somebody watches it or not.',
  body: z
    .strictObject({
      reference: z.string().min(1).max(4096).describe('`redis:7`, `registry.example.com/team/api@sha256:…`'),
      platform: platform.optional(),
      credential: credential.optional(),
      disableContentTrust: z
        .boolean()
        .default(false)
        .describe('Pull it whatever the trust policy says of its signatures; for admins, and remembered as an event.'),
    })
    .meta({ id: 'NewPull' }),
  response: pull,
  status: 202,
  startsWork: true,
});

export const listPulls = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/pulls',
  role: 'reader',
  summary: 'List pulls of the last day, newest first',
  query: {
    ...pageQuery,
    state: z.array(pullState).default([]),
    reference: z.string().optional().describe('Only of this image.'),
    caller: z.string().optional(),
  },
  response: pageOf(summary.meta({ id: 'PullSummary' }), 'PullPage'),
});

export const getPull = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/pulls/{id}',
  role: 'reader',
  summary: 'Read how far a pull is, with its timeline',
  params: { id },
  response: pull,
});

export const followPull = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/pulls/{id}/stream',
  role: 'reader',
  summary: 'Follow a pull to its end',
  params: { id },
  response: z
    .object({ ...progress, timeline: z.array(timelineLine).describe('Lines that were not told before.') })
    .meta({ id: 'PullProgress' }),
  stream: 'events',
});

export const cancelPull = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/pulls/{id}/cancel',
  role: 'operator',
  summary: 'Cancel a pull, whoever watches it; one that has ended stays as it is',
  params: { id },
  response: pull,
});
