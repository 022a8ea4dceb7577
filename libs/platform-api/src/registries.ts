import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { failure } from './pulls.js';

const resource = { tags: ['registries'] };
const host = z.string().min(1).max(255).describe('As references carry it: `docker.io`, `registry.example.com:5000`.');
const webUrl = z.string().max(2048).refine(isWebUrl, 'expected an http:// or https:// URL without credentials');
const kind = z.enum(['docker-hub', 'harbor', 'quay', 'zot', 'distribution']);

const limits = z
  .strictObject({
    connections: z.int().min(1).max(256).nullable().default(null).describe('Of each process.'),
    requestsPerMinute: z.int().min(1).max(1_000_000).nullable().default(null),
    bytesPerSecond: z.int().min(1).max(1e12).nullable().default(null),
  })
  .meta({ id: 'RegistryLimits' });

/** What can be set; what is left out stays as it is, or has its default. */
const settings = {
  endpoint: webUrl.nullable().optional().describe('Address to talk to instead of `https://HOST`.'),
  mirrors: z.array(webUrl).max(16).optional().describe('Asked first; they never see the credential.'),
  kind: kind.nullable().optional().describe('Null: told from the host.'),
  priority: z.int().min(0).max(10_000).nullable().optional().describe('A search asks lower ones first.'),
  insecure: z.boolean().optional().describe('Plain HTTP, or any certificate.'),
  ca: z.string().max(65_536).nullable().optional().describe('PEM text of an authority that is trusted too.'),
  credential: z
    .strictObject({ username: z.string().min(1).max(1024), password: z.string().min(1).max(65_536) })
    .nullable()
    .optional()
    .describe('Can be written and never read.'),
  limits: limits.optional(),
};

const registry = z
  .object({
    host,
    endpoint: z.string().nullable(),
    mirrors: z.array(z.string()),
    kind,
    priority: z.int(),
    insecure: z.boolean(),
    ca: z.string().nullable(),
    hasCredential: z.boolean(),
    limits,
    source: z.enum(['file', 'api']).describe('Where it is set; `api` stands over `file`.'),
  })
  .meta({ id: 'Registry' });

export const listRegistries = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/registries',
  role: 'reader',
  summary: 'List upstream registries in the order in which a search asks them',
  response: z.object({ items: z.array(registry) }).meta({ id: 'RegistryList' }),
});

export const getRegistry = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/registries/{host}',
  role: 'reader',
  summary: 'Read how a registry is reached',
  params: { host },
  response: registry,
});

export const createRegistry = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/registries',
  role: 'admin',
  summary: 'Configure a registry; what the file says of this host counts no more',
  body: z.strictObject({ host, ...settings }).meta({ id: 'NewRegistry' }),
  response: registry,
  status: 201,
});

export const changeRegistry = defineEndpoint({
  ...resource,
  method: 'PATCH',
  path: '/registries/{host}',
  role: 'admin',
  summary: 'Change how a registry is reached; null sets a value back',
  params: { host },
  body: z.strictObject(settings).meta({ id: 'RegistryChange' }),
  response: registry,
});

export const deleteRegistry = defineEndpoint({
  ...resource,
  method: 'DELETE',
  path: '/registries/{host}',
  role: 'admin',
  summary: 'Remove what was configured here; what the file says of the host counts again',
  params: { host },
});

export const testRegistry = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/registries/{host}/test',
  role: 'admin',
  summary: 'Ask a registry whether it answers and takes its credential',
  params: { host },
  response: z
    .object({
      ok: z.boolean(),
      authenticated: z.boolean().describe('It has taken a credential, or wants none.'),
      durationMs: z.int(),
      error: failure.nullable(),
    })
    .meta({ id: 'RegistryTest' }),
});

function isWebUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}
