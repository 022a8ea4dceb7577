import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ServiceConfig } from '@entrepot/config';
import { createLogger } from '@entrepot/observability';
import { askLayers, openInLayers } from '../insides/ask-layers.js';
import { ArchiverRelay } from './archiver-relay.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

describe('the relay to archivers', () => {
  const servers: Server[] = [];
  const relays: ArchiverRelay[] = [];
  const { signal } = new AbortController();
  const nowhere = 'http://127.0.0.1:1';

  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.onApplicationShutdown();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function archiver(answer: Answer): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function relayTo(...archiverUrls: string[]): ArchiverRelay {
    const config = { archiverUrls, internalSecret: 'inside' } as unknown as ServiceConfig;
    const relay = new ArchiverRelay(config, createLogger({ service: 'test', level: 'silent' }));
    relays.push(relay);
    return relay;
  }

  const question = { name: 'stat', body: { layers: [], path: '/' } };
  const echo: Answer = async (request, response) => {
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, secret: headers.authorization, body: JSON.parse(await text(request)) }));
  };

  it('asks with the secret, and the next archiver where one is down', async () => {
    const relay = relayTo(nowhere, await archiver(echo));
    for (let turn = 0; turn < 3; turn++) {
      expect(await askLayers(relay, question, signal)).toEqual({
        ...{ method: 'POST', url: '/internal/insides/stat', secret: 'Bearer inside', body: question.body },
      });
    }
  });

  it('asks a question again where an archiver dies over it, and never sends a body twice', async () => {
    let asked = 0;
    const dying: Answer = (request) => {
      asked += 1;
      request.socket.destroy();
    };
    const first = await archiver(dying);
    expect(await askLayers(relayTo(first, await archiver(echo)), question, signal)).toMatchObject({ method: 'POST' });
    const client = await archiver((request, response) => {
      const upload = { method: 'POST' as const, path: '/internal/load', upload: request };
      relayTo(first, first)
        .send(upload, signal)
        .catch((error: Error) => response.end(error.message));
    });
    asked = 0;
    const answer = await fetch(client, { method: 'POST', body: 'x'.repeat(1_000_000) });
    expect(await answer.text()).toBe('no archiver can take this at the moment');
    expect(asked).toBe(1);
  });

  it.each<[string, number, string, object]>([
    ['a code', 422, '{"code":"BROKEN_LAYER","message":"why","retryable":false}', { status: 422, code: 'BROKEN_LAYER' }],
    ['words only', 404, '{"message":"No such container: x"}', { status: 404, message: 'No such container: x' }],
    ['what is no refusal', 500, '<html>', { status: 502, message: 'the archiver answered 500: <html>' }],
  ])('passes a refusal on that has %s', async (_, status, body, expected) => {
    const relay = relayTo(await archiver((_request, response) => response.writeHead(status).end(body)));
    await expect(askLayers(relay, question, signal)).rejects.toMatchObject(expected);
  });

  it('says so when no archiver answers', async () => {
    await expect(askLayers(relayTo(nowhere, nowhere), question, signal)).rejects.toMatchObject({ status: 503 });
    await expect(askLayers(relayTo(), question, signal)).rejects.toMatchObject({ status: 503 });
  });

  it('leaves an archiver when the client leaves, before the answer and in the middle of it', async () => {
    const left: string[] = [];
    const url = await archiver((request, response) => {
      response.once('close', () => left.push(request.url ?? ''));
      if (request.url?.endsWith('/cat')) response.writeHead(200, { 'x-entry': '%7B%7D' }).write('begun');
    });
    const leaving = new AbortController();
    const waiting = askLayers(relayTo(url), question, leaving.signal);
    const { content } = await openInLayers(relayTo(url), { name: 'cat', body: {} }, leaving.signal);
    await once(content, 'readable');
    leaving.abort();
    await expect(waiting).rejects.toThrow('abort');
    content.on('error', () => {});
    while (left.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(left.sort()).toEqual(['/internal/insides/cat', '/internal/insides/stat']);
  });
});
