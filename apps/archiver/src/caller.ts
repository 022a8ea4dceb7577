import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance } from 'fastify';

const names = new AsyncLocalStorage<string>();

/** In whose name the code works that asks; null outside a request. */
export function currentCaller(): string | null {
  return names.getStore() ?? null;
}

/** Lets every request be worked in the name that catalog gives with it. Only who has the internal secret changes anything. */
export function nameCallers(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const given = request.headers['x-entrepot-caller'];
    const name = typeof given === 'string' ? decodeName(given) : '';
    if (name === '') done();
    else names.run(name, done);
  });
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
