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

export const previewRemoval = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/economics/removal',
  role: 'reader',
  summary: 'Say to the byte what removing several images together would free; removes nothing',
  body: z
    .strictObject({
      images: z.array(z.string().min(1).max(4096)).min(1).max(1000),
      force: z.boolean().default(false),
      noPrune: z.boolean().default(false),
    })
    .meta({ id: 'RemovalPreviewRequest' }),
  response: z
    .object({ untagged: z.array(z.string()), deleted: z.array(z.string()), freedBytes: z.int(), freedBlobs: z.int() })
    .meta({ id: 'RemovalPreview' }),
});
