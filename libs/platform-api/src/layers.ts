import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { digest, platform } from './values.js';

const name = z.string().min(1).max(4096).describe('A name, an id, or the beginning of an id.');
const ofPlatform = platform.optional().describe('Which of the images behind a name, as `linux/arm64`.');
const layer = z
  .int()
  .min(0)
  .optional()
  .describe('What the image shows up to this layer, 0 being the lowest; all of them when absent.');
const path = z
  .string()
  .max(16_384)
  .default('/')
  .describe('Symlinks are followed as inside the image, never out of it.');
const cursor = z.string().max(16_384).optional().describe('`nextCursor` of the page before.');
const limit = z.int().min(1).max(10_000).default(1_000);

const resource = { tags: ['layers'] };

const changes = z
  .object({
    entries: z.int(),
    added: z.int(),
    changed: z.int(),
    deleted: z.int(),
    addedBytes: z.int().describe('Content this layer brings, changed files included.'),
    changedBytes: z.int().describe('Content of lower layers that it replaces.'),
    deletedBytes: z.int().describe('Content of lower layers that it hides.'),
  })
  .meta({ id: 'LayerChanges' });

export const listImageLayers = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/layers',
  role: 'reader',
  summary: 'List the layers of an image, lowest first: what made them, what they do, who shares them',
  params: { name },
  query: { platform: ofPlatform },
  response: z
    .object({
      layers: z.array(
        z
          .object({
            digest,
            diffId: digest.nullable(),
            mediaType: z.string(),
            createdBy: z.string().describe('The line of the history that made it.'),
            sizeBytes: z.int().describe('As stored.'),
            uncompressedBytes: z.int().nullable(),
            contentBytes: z.int().nullable().describe('Of the files in it.'),
            changes,
            sharedBy: z.int().describe('Other images that have it, in any encoding.'),
            sharedByNames: z.array(z.string()).describe('Some of their names.'),
            encodings: z.array(digest).describe('Other blobs here with the same plain bytes.'),
          })
          .meta({ id: 'Layer' }),
      ),
      totalBytes: z.int().describe('All that is stored for the image, with configs and indexes.'),
      sharedBytes: z.int(),
      uniqueBytes: z.int().describe('Would go with the image.'),
    })
    .meta({ id: 'LayerList' }),
});

const treeEntry = z
  .object({
    path: z.string().describe('Without a leading slash; bytes that are no UTF-8 are lone surrogates U+DC80…U+DCFF.'),
    name: z.string(),
    type: z.enum(['file', 'directory', 'symlink', 'character-device', 'block-device', 'fifo', 'link']),
    mode: z.int(),
    uid: z.int(),
    gid: z.int(),
    sizeBytes: z.int(),
    modifiedAt: z.string(),
    linkTarget: z.string().nullable(),
    device: z.object({ major: z.int(), minor: z.int() }).nullable(),
    xattrs: z.record(z.string(), z.string()),
    sha256: z.string().nullable(),
    layer: z.int().nullable().describe('Where it is from, 0 being the lowest layer.'),
  })
  .meta({ id: 'TreeEntry' });

export const listTree = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/tree',
  role: 'reader',
  summary: 'List a directory of an image',
  params: { name },
  query: { platform: ofPlatform, layer, path, cursor, limit },
  response: z
    .object({ entry: treeEntry, items: z.array(treeEntry), nextCursor: z.string().nullable() })
    .meta({ id: 'TreePage' }),
});

export const statPath = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/stat',
  role: 'reader',
  summary: 'Describe one path of an image',
  params: { name },
  query: {
    platform: ofPlatform,
    layer,
    path,
    follow: z.boolean().default(false).describe('Also a symlink at the end.'),
  },
  response: treeEntry,
});

export const readFile = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/cat',
  role: 'reader',
  summary: 'Read one file of an image',
  params: { name },
  query: { platform: ofPlatform, layer, path },
  stream: 'bytes',
});

export const downloadPath = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/download',
  role: 'reader',
  summary: 'Download a file or a folder of an image as a tar',
  params: { name },
  query: { platform: ofPlatform, layer, path },
  stream: 'bytes',
});

export const compareImages = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/compare',
  role: 'reader',
  summary: 'Compare an image with another by file; times alone are no difference',
  params: { name },
  query: {
    platform: ofPlatform,
    to: z.string().min(1).max(4096).describe('The other image; what only it has is added.'),
    toPlatform: ofPlatform,
    cursor,
    limit,
  },
  response: z
    .object({
      added: z.int(),
      changed: z.int(),
      deleted: z.int(),
      addedBytes: z.int(),
      deletedBytes: z.int(),
      items: z.array(
        z.object({
          path: z.string(),
          kind: z.enum(['added', 'changed', 'deleted']),
          what: z.array(z.enum(['content', 'type', 'mode', 'owner', 'link', 'device', 'xattrs'])),
          before: treeEntry.nullable(),
          after: treeEntry.nullable(),
        }),
      ),
      nextCursor: z.string().nullable(),
    })
    .meta({ id: 'ImageComparison' }),
});

export const measureWaste = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/images/{name}/waste',
  role: 'reader',
  summary: 'Measure what an image wastes, as dive counts it',
  params: { name },
  query: {
    platform: ofPlatform,
    limit: z.int().min(1).max(10_000).default(100),
    maxWaste: z
      .string()
      .regex(/^\d+(\.\d+)?(%|B|kB|MB|GB)?$/, 'expected `10%`, `20MB` or bytes')
      .optional()
      .describe('`10%` of the bytes above the lowest layer, or `20MB`; `passes` says whether the image keeps to it.'),
  },
  response: z
    .object({
      efficiency: z.number().describe('1 when nothing is wasted.'),
      wastedBytes: z.int().describe('Bytes of paths that several layers hold, and of removed directories.'),
      wastedPercent: z.number().describe('Of `userBytes`.'),
      sizeBytes: z.int(),
      userBytes: z.int().describe('Of the layers above the lowest one.'),
      duplicateBytes: z.int().describe('Of the same content under several paths, one copy left out.'),
      paths: z.array(z.object({ path: z.string(), layers: z.int(), wastedBytes: z.int() })),
      duplicates: z.array(
        z.object({
          sha256: z.string(),
          sizeBytes: z.int(),
          copies: z.int(),
          wastedBytes: z.int(),
          paths: z.array(z.string()).describe('Some of them.'),
        }),
      ),
      passes: z.boolean(),
    })
    .meta({ id: 'Waste' }),
});
