import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';

/** One repository, whoever knows it. */
const searchResult = z
  .object({
    name: z.string().describe('As it is pulled: `redis`, `quay.io/team/app`.'),
    description: z.string(),
    stars: z.int(),
    isOfficial: z.boolean(),
    isAutomated: z.boolean(),
    sources: z.array(z.string()).describe('Hosts of the registries that know it, and `here`.'),
    tags: z.int().describe('Its tags that are here.'),
  })
  .meta({ id: 'SearchResult' });

const searchWarning = z
  .object({
    source: z.string().describe('The host of a registry.'),
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
  })
  .meta({ id: 'SearchWarning' });

export const searchImages = defineEndpoint({
  tags: ['search'],
  method: 'GET',
  path: '/search',
  role: 'reader',
  summary: 'Search the upstream registries in their order, then what is here',
  description:
    'A registry that is slow or broken costs a warning, not the answer. `HOST/TERM` asks that registry alone. ' +
    'Answers of registries are remembered for a minute.',
  query: {
    term: z.string().max(512).describe('Part of a name; `HOST/TERM` for one registry.'),
    limit: z.int().min(1).max(100).default(25).describe('Results of each source.'),
    stars: z.int().min(0).optional().describe('This many stars or more.'),
    isOfficial: z.boolean().optional(),
    isAutomated: z.boolean().optional(),
  },
  response: z.object({ results: z.array(searchResult), warnings: z.array(searchWarning) }).meta({ id: 'SearchAnswer' }),
});
