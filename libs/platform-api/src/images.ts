import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { digest, platform, time } from './values.js';

/** What an image is called: a name, an id, or the beginning of an id. */
const name = z.string().min(1).max(4096).describe('A name, an id, or the beginning of an id.');
const labels = z.record(z.string(), z.string());
const ofPlatform = platform.optional().describe('Which of the images behind a name, as `linux/arm64`.');

const resource = { tags: ['images'] };

export const imageSummary = z
  .object({
    id: digest,
    tags: z.array(z.string()).describe('`redis:7`; only those that pass the filter `reference`.'),
    digests: z.array(z.string()).describe('`redis@sha256:…`, likewise.'),
    parentId: digest.nullable(),
    createdAt: time.nullable(),
    sizeBytes: z
      .int()
      .describe('Bytes of the files in its layers; of a layer that is not analysed yet, its stored bytes.'),
    labels,
    platform: z.string(),
  })
  .meta({ id: 'ImageSummary' });

export const listImages = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images',
  role: 'reader',
  summary: 'List images, with the filters of `docker images`',
  query: {
    ...pageQuery,
    all: z.boolean().default(false).describe('Also untagged images that others are built on.'),
    dangling: z.boolean().optional().describe('Only images without a tag, or none of them.'),
    label: z.array(z.string()).default([]).describe('`key` or `key=value`; all must hold.'),
    reference: z.array(z.string()).default([]).describe('Globs over names; one must match.'),
    before: z.array(z.string()).default([]).describe('Created before this image.'),
    since: z.array(z.string()).default([]).describe('Created after this image.'),
    until: z
      .string()
      .optional()
      .describe('Created before this time: RFC 3339, unix seconds, or a duration like `24h`.'),
    sort: z.enum(['created', 'name', 'size']).default('created'),
    order: z.enum(['asc', 'desc']).optional().describe('Default: `asc` by name, else `desc`.'),
  },
  response: pageOf(imageSummary, 'ImagePage'),
});

export const getImage = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}',
  role: 'reader',
  summary: 'Inspect an image',
  params: { name },
  query: { platform: ofPlatform },
  response: z
    .object({
      id: digest,
      tags: z.array(z.string()),
      digests: z.array(z.string()),
      parentId: digest.nullable(),
      createdAt: time.nullable(),
      sizeBytes: z.int(),
      labels,
      platform: z.string(),
      lastTaggedAt: time.nullable(),
      brokenReason: z.string().nullable().describe('Set when a layer is not what the config promises.'),
      target: z
        .object({ mediaType: z.string(), digest, sizeBytes: z.int() })
        .describe('What the name stands for upstream: an index or a manifest.'),
      layers: z.array(z.object({ digest, sizeBytes: z.int() })).describe('Bottom first.'),
      artifacts: z
        .array(
          z.object({
            digest,
            artifactType: z.string(),
            sizeBytes: z.int().describe('Of its files.'),
          }),
        )
        .describe('Signatures, attestations and SBOMs that were pulled with it.'),
      docker: z.record(z.string(), z.unknown()).describe('As `docker image inspect` prints it.'),
    })
    .meta({ id: 'Image' }),
});

/** One step of how an image was built. */
const historyStep = z
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
  ...resource,
  method: 'GET',
  path: '/images/{name}/history',
  role: 'reader',
  summary: 'List the steps of how an image was built, newest first',
  params: { name },
  query: { platform: ofPlatform },
  response: z.object({ steps: z.array(historyStep) }).meta({ id: 'ImageHistory' }),
});

export const tagImage = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/images/{name}/tags',
  role: 'operator',
  summary: 'Give an image another name; a tag that points elsewhere moves',
  params: { name },
  body: z
    .strictObject({
      name: z.string().min(1).max(4096).describe('`registry/repository:tag`; `latest` when it says no tag.'),
    })
    .meta({ id: 'NewTag' }),
  response: z.object({ name: z.string() }).meta({ id: 'Tagged' }),
  status: 201,
});

/** What a removal did, or would do. */
const removal = z
  .object({
    dryRun: z.boolean(),
    untagged: z.array(z.string()),
    deleted: z.array(digest).describe('Ids of images, and of the layers that no image has any more.'),
    lines: z
      .array(z.union([z.object({ untagged: z.string() }), z.object({ deleted: digest })]))
      .describe('Both in the order of `docker rmi`.'),
    freedBytes: z.int().describe('Stored bytes that nothing refers to any more; the collection takes them.'),
    freedBlobs: z.int(),
  })
  .meta({ id: 'Removal' });

const dryRun = z
  .boolean()
  .default(false)
  .describe('Only says what would be removed and how many bytes that would free.');

export const removeImage = defineEndpoint({
  ...resource,
  method: 'DELETE',
  path: '/images/{name}',
  role: 'operator',
  summary: 'Remove a name, and the image with its last one; by the rules of `docker rmi`',
  params: { name },
  query: {
    dryRun,
    force: z.boolean().default(false),
    noPrune: z.boolean().default(false).describe('Leaves untagged parents.'),
    platform: z.array(platform).default([]).describe('Only what is here of these platforms.'),
  },
  response: removal,
});

export const removeImages = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/images/remove',
  role: 'operator',
  summary: 'Remove several names or images together, all or none; what only they share goes with them',
  body: z
    .strictObject({
      dryRun,
      images: z.array(z.string().min(1).max(4096)).min(1).max(1000),
      force: z.boolean().default(false),
      noPrune: z.boolean().default(false).describe('Leaves untagged parents.'),
    })
    .meta({ id: 'RemovalRequest' }),
  response: removal,
});

export const pruneImages = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/images/prune',
  role: 'operator',
  summary: 'Remove images that nobody names; by the rules of `docker image prune`',
  body: z
    .strictObject({
      dryRun,
      all: z.boolean().default(false).describe('Also images that have a tag.'),
      until: z.string().optional().describe('Only those created before this time.'),
      label: z.array(z.string()).default([]),
      notLabel: z.array(z.string()).default([]),
    })
    .prefault({})
    .meta({ id: 'Prune' }),
  response: removal,
});
