import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { digest, time } from './values.js';

const resource = { tags: ['system'] };

export const getSystem = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/system',
  role: 'reader',
  summary: 'Say what this service is and who is asking',
  response: z
    .object({
      version: z.string(),
      dockerApiVersion: z.string(),
      caller: z.object({ name: z.string(), role: z.string() }),
    })
    .meta({ id: 'System' }),
});

export const getDiskUsage = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/df',
  role: 'reader',
  summary: 'Measure what the images take',
  query: { verbose: z.boolean().default(false).describe('Also image by image.') },
  response: z
    .object({
      images: z.int(),
      layersBytes: z.int().describe('Bytes of the files of each distinct layer.'),
      blobs: z.int(),
      storedBytes: z.int().describe('Bytes in the blob store.'),
      collectableBytes: z.int().describe('Stored bytes that nothing refers to any more.'),
      imageList: z
        .array(
          z.object({
            id: digest,
            tags: z.array(z.string()),
            createdAt: time.nullable(),
            sizeBytes: z.int(),
            sharedBytes: z.int().describe('In layers that another image has too.'),
          }),
        )
        .optional(),
    })
    .meta({ id: 'DiskUsage' }),
});

export const collectNow = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/system/collect',
  role: 'admin',
  summary: 'Ask for a collection of what nothing refers to any more',
  description: 'It takes what has been without a reference for as long as the service is set to keep it.',
  response: z
    .object({ collectableBytes: z.int().describe('Stored bytes that nothing refers to now.') })
    .meta({ id: 'CollectionRequest' }),
  status: 202,
  startsWork: true,
});
