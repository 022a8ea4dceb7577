import { z } from 'zod';

/** The media type of every refusal (RFC 9457). */
export const problemType = 'application/problem+json';

/** Why a request was refused. `code` is for programs, `detail` for people. */
export const problem = z
  .object({
    type: z.string().describe('urn:entrepot:problem:CODE'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    retryable: z.boolean().describe('Whether the same request may succeed later.'),
    errors: z
      .array(z.object({ in: z.enum(['path', 'query', 'header', 'body']), field: z.string(), message: z.string() }))
      .optional()
      .describe('Each part of the request that is wrong.'),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problem>;
