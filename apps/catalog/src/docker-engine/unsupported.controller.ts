import { Controller, Delete, Get, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { notSupported } from './engine-error.js';
import { discardBody } from './json-body.js';

const swarmKinds = ['configs', 'nodes', 'secrets', 'services', 'tasks'];

const posts = [
  ...['containers/:name/update', 'build/cancel', 'session', 'grpc'],
  ...['exec/:id/start', 'exec/:id/resize', 'images/:name/push'],
  ...['networks/create', 'networks/:id/connect', 'networks/:id/disconnect', 'volumes/create'],
  ...[
    'plugins/pull',
    'plugins/create',
    ...['enable', 'disable', 'push', 'upgrade', 'set'].map((a) => `plugins/:name/${a}`),
  ],
  ...['init', 'join', 'leave', 'update', 'unlock'].map((action) => `swarm/${action}`),
  ...swarmKinds.flatMap((kind) => [`${kind}/create`, `${kind}/:id/update`]),
];
const gets = [
  'containers/:name/attach/ws',
  ...['exec/:id/json', 'plugins/privileges', 'swarm', 'swarm/unlockkey'],
  ...swarmKinds.flatMap((kind) => [kind, `${kind}/:id`]),
];

const purposes: readonly [path: RegExp, what: string][] = [
  [/^\/(?:build|session|grpc)/, 'build by BuildKit; set DOCKER_BUILDKIT=0'],
  [/^\/images\/.*\/push/, 'push images yet'],
  [/^\/networks/, 'make networks'],
  [/^\/volumes/, 'make volumes'],
  [/^\/plugins/, 'run plugins'],
  [/^\/(?:swarm|configs|nodes|secrets|services|tasks)/, 'take part in a swarm'],
];

/** What needs a runtime is refused with one sentence, after the body, so that the client reads it and never hangs. */
@Controller()
export class UnsupportedController {
  @Post(posts)
  post(@Req() request: FastifyRequest): Promise<never> {
    return refuse(request);
  }

  @Get(gets)
  get(@Req() request: FastifyRequest): Promise<never> {
    return refuse(request);
  }

  @Put('volumes/:name')
  put(@Req() request: FastifyRequest): Promise<never> {
    return refuse(request);
  }

  @Delete(swarmKinds.map((kind) => `${kind}/:id`))
  delete(@Req() request: FastifyRequest): Promise<never> {
    return refuse(request);
  }
}

async function refuse(request: FastifyRequest): Promise<never> {
  await discardBody(request.raw);
  const purpose = purposes.find(([path]) => path.test(request.url));
  throw notSupported(purpose?.[1] ?? 'run containers');
}
