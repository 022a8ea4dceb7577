import { isDigest } from '@entrepot/oci';
import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';

/** A content digest, `sha256:…`. */
export const digest = z.string().refine(isDigest, 'expected a digest like sha256:…').meta({ id: 'Digest' });

/** What an image is called: a name, an id, or the beginning of an id. */
export const imageName = z.string().min(1).max(4096).describe('A name, an id, or the beginning of an id.');

const images = { tags: ['images'] };

/** One step of how an image was built. */
export const historyStep = z
  .object({
    imageId: digest.nullable().describe('The image after this step; null when it is not here.'),
    tags: z.array(z.string()),
    createdAt: z.string().nullable(),
    createdBy: z.string(),
    comment: z.string(),
    sizeBytes: z.int().describe('Bytes of the files of its layer, 0 when it made none.'),
  })
  .meta({ id: 'HistoryStep' });

export const getImageHistory = defineEndpoint({
  ...images,
  method: 'GET',
  path: '/images/{name}/history',
  role: 'reader',
  summary: 'List the steps of how an image was built, newest first',
  params: { name: imageName },
  query: { platform: z.string().optional().describe('As `linux/arm64`.') },
  response: z.object({ steps: z.array(historyStep) }).meta({ id: 'ImageHistory' }),
});

export const tagImage = defineEndpoint({
  ...images,
  method: 'POST',
  path: '/images/{name}/tags',
  role: 'operator',
  summary: 'Give an image another name; a tag that points elsewhere moves',
  params: { name: imageName },
  body: z
    .strictObject({
      name: z.string().min(1).max(4096).describe('`registry/repository:tag`; `latest` when no tag is said.'),
    })
    .meta({ id: 'NewTag' }),
  response: z.object({ name: z.string() }).meta({ id: 'Tagged' }),
  status: 201,
});
