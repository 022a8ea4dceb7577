import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { failure } from './pulls.js';
import { platform, time } from './values.js';

const resource = { tags: ['archives'] };
const params = { id: z.uuid() };
const lifeSeconds = z
  .int()
  .min(60)
  .max(7 * 24 * 3600)
  .default(3600)
  .describe('How long the archive is kept.');

/** An archive that was asked for: saved ones can be downloaded, loaded ones say what was in them. */
const archive = z
  .object({
    id: z.uuid(),
    kind: z.enum(['save', 'load']),
    state: z
      .enum(['receiving', 'queued', 'running', 'ready', 'done', 'failed'])
      .describe('`receiving`: its bytes are awaited. `ready`: it can be downloaded. `done`: it was loaded.'),
    names: z.array(z.string()).describe('Of a saved one: the images in it.'),
    source: z.string().nullable().describe('Of a loaded one: the server it came from; null for one that was sent.'),
    platform: z.string().nullable(),
    sizeBytes: z.int().nullable(),
    bytesDone: z.int().describe('Of a loaded one: what was received so far, and then what was read.'),
    etag: z.string().nullable(),
    link: z.string().nullable().describe('Where it can be downloaded without a token until it expires, with Range.'),
    loaded: z.array(z.string()).describe('What was loaded: tags, or ids.'),
    error: failure.nullable(),
    caller: z.string().nullable(),
    createdAt: time,
    expiresAt: time,
  })
  .meta({ id: 'Archive' });

export const saveArchive = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/archives',
  role: 'reader',
  summary: 'Save images into one archive, to be downloaded by a link',
  description:
    'The archive is planned and never built: its size, its bytes and its ETag are known at once, and what it needs is kept ' +
    'until it expires.',
  body: z
    .strictObject({
      names: z.array(z.string().min(1).max(4096)).min(1).max(1000).describe('Tags, repositories, ids.'),
      platform: platform.optional(),
      lifeSeconds,
    })
    .meta({ id: 'NewArchive' }),
  response: archive,
  status: 202,
  startsWork: true,
});

export const loadFromUrl = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/archives/loads',
  role: 'operator',
  summary: 'Load an archive from a URL',
  body: z
    .strictObject({
      url: z.url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' }).max(4096),
      platform: platform.optional(),
      lifeSeconds: lifeSeconds.describe('How long it may take, and its outcome is kept.'),
    })
    .meta({ id: 'NewLoad' }),
  response: archive,
  status: 202,
  startsWork: true,
});

export const uploadArchive = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/archives/uploads',
  role: 'operator',
  summary: 'Load the archive that is sent; the answer comes when all of it is loaded',
  query: { platform: platform.optional() },
  upload: ['application/x-tar', 'application/gzip', 'application/zstd', 'application/octet-stream'],
  response: z.object({ loaded: z.array(z.string()).describe('Tags, or ids.') }).meta({ id: 'Upload' }),
});

export const beginUpload = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/archives/resumable',
  role: 'operator',
  summary: 'Begin to send an archive that is to be loaded, or find how far it was sent',
  description:
    'Its bytes are sent to `/archives/{id}/bytes`, from `bytesDone` on, by one request or by many; when the last of them ' +
    'is there it is loaded. Of a connection that breaks, what came is kept for `lifeSeconds`. Whoever gives a fingerprint ' +
    'and begins the same again gets the archive that is not whole yet.',
  body: z
    .strictObject({
      sizeBytes: z.int().min(0),
      fingerprint: z
        .string()
        .min(1)
        .max(256)
        .optional()
        .describe(
          'What tells these bytes from others, as the client likes: a digest, or name, size and time of a file.',
        ),
      platform: platform.optional(),
      lifeSeconds: lifeSeconds.describe('How long it is kept after it was last heard of.'),
    })
    .meta({ id: 'NewUpload' }),
  response: archive,
  status: 201,
  startsWork: true,
});

export const continueUpload = defineEndpoint({
  ...resource,
  method: 'PATCH',
  path: '/archives/{id}/bytes',
  role: 'operator',
  summary: 'Send bytes of an archive; the answer says how many it has',
  description:
    'Refused with `OFFSET_MISMATCH` when they do not begin where the archive ends, and with `ARCHIVE_BUSY` while another ' +
    'connection sends: `bytesDone` of the archive says where to go on. The last piece may be of any size; of others, up to ' +
    '16 MiB at the end may have to be sent again.',
  params,
  query: { offset: z.int().min(0).describe('Of the first byte; `bytesDone` of the archive.') },
  upload: ['application/octet-stream', 'application/x-tar', 'application/gzip', 'application/zstd'],
  response: archive,
});

export const listArchives = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/archives',
  role: 'reader',
  summary: 'List archives, newest first',
  query: pageQuery,
  response: pageOf(archive, 'ArchivePage'),
});

export const getArchive = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/archives/{id}',
  role: 'reader',
  summary: 'Read how far an archive is, with its link',
  params,
  response: archive,
});

export const followArchive = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/archives/{id}/stream',
  role: 'reader',
  summary: 'Follow an archive until it is ready, done or failed',
  params,
  response: archive,
  stream: 'events',
});

export const downloadArchive = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/archives/{id}/download',
  role: 'anyone',
  summary: 'Download a saved archive by its link',
  params,
  query: { key: z.string().max(128).describe('As the link has it.') },
  stream: 'bytes',
});

export const deleteArchive = defineEndpoint({
  ...resource,
  method: 'DELETE',
  path: '/archives/{id}',
  role: 'operator',
  summary: 'Let go of an archive: its link ends, and a load that runs stops',
  params,
});
