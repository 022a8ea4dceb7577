import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { time } from './values.js';

const resource = { tags: ['tokens'] };
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected up to 63 of a-z, 0-9, dot, dash and underscore')
  .refine((text) => !['local', 'admin', 'anonymous'].includes(text), 'expected another name: this one is taken');
const role = z.enum(['reader', 'operator', 'admin']);

/** A token without its secret. */
const token = z
  .object({
    name: z.string(),
    role,
    createdBy: z.string().nullable(),
    createdAt: time,
    lastUsedAt: time.nullable().describe('To the minute.'),
    expiresAt: time.nullable(),
  })
  .meta({ id: 'Token' });

export const createToken = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/tokens',
  role: 'admin',
  summary: 'Make a token; its secret is told here and never again',
  body: z
    .strictObject({ name, role, expiresAt: time.optional().describe('Never when left out.') })
    .meta({ id: 'NewToken' }),
  response: z.object({ token, secret: z.string() }).meta({ id: 'CreatedToken' }),
  status: 201,
});

export const listTokens = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/tokens',
  role: 'admin',
  summary: 'List tokens',
  response: z.object({ items: z.array(token) }).meta({ id: 'TokenList' }),
});

export const deleteToken = defineEndpoint({
  ...resource,
  method: 'DELETE',
  path: '/tokens/{name}',
  role: 'admin',
  summary: 'Take a token away; from now on it is refused',
  params: { name: z.string().max(128) },
});
