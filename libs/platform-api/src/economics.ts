import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';

const resource = { tags: ['economics'] };

export const getEconomics = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/economics',
  role: 'reader',
  summary: 'Say what images cost in stored bytes: total, shared and unique',
  query: {
    by: z.enum(['image', 'repository', 'label']).default('repository'),
    label: z.string().max(1024).default('owner').describe('Whose values make the groups with `by=label`.'),
    limit: z.int().min(1).max(10_000).default(100),
  },
  response: z
    .object({
      usedBytes: z.int().describe('Each stored blob of an image once.'),
      unsharedBytes: z.int().describe('What it would be if no two images shared a blob.'),
      blobs: z.int(),
      groups: z
        .array(
          z
            .object({
              key: z.string().describe('Empty for images without a name or label.'),
              images: z.int(),
              blobs: z.int(),
              totalBytes: z.int(),
              sharedBytes: z.int().describe('Used outside the group too.'),
              uniqueBytes: z.int().describe('Would go with the group.'),
            })
            .meta({ id: 'StoredBytes' }),
        )
        .describe('By unique bytes, greatest first.'),
    })
    .meta({ id: 'Economics' }),
});
