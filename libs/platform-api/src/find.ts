import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { pageQuery } from './page.js';
import { digest } from './values.js';

const text = z.string().min(1).max(4096).optional();

export const findImages = defineEndpoint({
  method: 'GET',
  path: '/find',
  role: 'reader',
  summary: 'Find images by what is in them',
  description: 'Everything that is given must hold. What counts is what an image shows, not what a lower layer had.',
  tags: ['layers'],
  query: {
    ...pageQuery,
    path: text.describe('One path, as `/etc/passwd`.'),
    glob: text.describe('`libssl.so*` over file names; with a slash over paths, `**` for any depth.'),
    sha256: z
      .string()
      .regex(/^(sha256:)?[0-9a-f]{64}$/)
      .optional()
      .describe('Of the content of a file.'),
    layer: digest.optional().describe('A layer as stored, or its diff id.'),
    base: text.describe('An image they stand on, by name or id.'),
    chain: digest.optional().describe('The chain id of their lowest layers.'),
    label: text.describe('`key` or `key=value`.'),
    package: text.describe('`deb:openssl>=3.0.0,<3.0.15`, `apk:musl`, `npm:lodash<4.17.21`, or only a name.'),
  },
  response: z
    .object({
      items: z.array(
        z
          .object({
            id: digest,
            tags: z.array(z.string()),
            platform: z.string(),
            matches: z.array(z.string()).describe('Some of what fits: paths, packages with versions, labels.'),
          })
          .meta({ id: 'FoundImage' }),
      ),
      nextCursor: z.string().nullable(),
      complete: z
        .boolean()
        .describe('False when layers are not searched yet, or when so much fits that only a part was looked at.'),
    })
    .meta({ id: 'FoundImages' }),
});
