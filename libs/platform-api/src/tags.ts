import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { digest, time } from './values.js';

const resource = { tags: ['tags'] };

export const listTags = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/tags',
  role: 'reader',
  summary: 'List tags in the order of their full names',
  query: {
    ...pageQuery,
    repository: z
      .string()
      .max(4096)
      .optional()
      .describe('Only those of this repository: `redis`, `registry.example.com/team/api`.'),
  },
  response: pageOf(
    z
      .object({
        name: z.string().describe('`redis:7`'),
        repository: z.string().describe('`docker.io/library/redis`'),
        tag: z.string(),
        target: digest.describe('The index or manifest that the tag names.'),
        imageId: digest,
        updatedAt: time,
      })
      .meta({ id: 'Tag' }),
    'TagPage',
  ),
});

export const listTagMoves = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/tags/moves',
  role: 'reader',
  summary: 'List where a tag pointed and points, newest first',
  query: { ...pageQuery, name: z.string().min(1).max(4096).describe('`redis:7`') },
  response: pageOf(
    z
      .object({
        at: time,
        from: digest.nullable(),
        to: digest.nullable().describe('Null: it was taken away.'),
        pullId: z.uuid().nullable(),
      })
      .meta({ id: 'TagMove' }),
    'TagMovePage',
  ),
});
