import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { time } from './values.js';

const resource = { tags: ['events'] };

/** Something that happened: who, what, and from what to what. */
export const event = z
  .object({
    id: z.int(),
    at: time,
    type: z.string().describe('What it happened to: `image`, `registry`, `token`, …'),
    action: z.string(),
    subject: z.string().describe('Which of them.'),
    caller: z.string().nullable().describe('In whose name; null for what the services do by themselves.'),
    change: z.object({ from: z.unknown(), to: z.unknown() }).nullable(),
    attributes: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Event' });

const filter = {
  type: z.array(z.string()).default([]),
  action: z.array(z.string()).default([]),
  subject: z.string().optional(),
  caller: z.string().optional(),
};

export const listEvents = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/events',
  role: 'reader',
  summary: 'List what happened, newest first',
  query: { ...pageQuery, ...filter, since: time.optional(), until: time.optional() },
  response: pageOf(event, 'EventPage'),
});

export const followEvents = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/events/stream',
  role: 'reader',
  summary: 'Follow what happens, as it happens',
  query: { ...filter, since: time.optional().describe('Begins with what has happened from then on.') },
  response: event,
  stream: 'events',
});
