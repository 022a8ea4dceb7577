import {
  type Endpoint,
  type EndpointInput,
  type EndpointOutput,
  type Problem,
  problemType,
  requestOf,
} from '@entrepot/platform-api';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';

/** A catalog for tests, and a typed client of its platform API. */
export interface ApiFixture {
  catalog: CatalogFixture;
  /** The answer; anything but success is thrown. */
  call<E extends Endpoint>(endpoint: E, input: EndpointInput<E>, token?: string): Promise<EndpointOutput<E>>;
  /** The problem document of a request that must fail. */
  refusal<E extends Endpoint>(endpoint: E, input: EndpointInput<E>, token?: string): Promise<Problem>;
  /** The answer as it comes. */
  send<E extends Endpoint>(endpoint: E, input: EndpointInput<E>, headers?: Record<string, string>): Promise<Response>;
  /** The data of the first events, with their ids. */
  follow<E extends Endpoint>(
    endpoint: E,
    input: EndpointInput<E>,
    options: { count: number; lastEventId?: string },
  ): Promise<{ id: string; event: string; data: EndpointOutput<E> }[]>;
  close(): Promise<void>;
}

/** Starts one on a database of its own, which goes with it. */
export async function openApi(
  source: { url: string; drop(): Promise<void> },
  env: Record<string, string> = {},
): Promise<ApiFixture> {
  const catalog = await startCatalog(source.url, env);
  const send = <E extends Endpoint>(endpoint: E, input: EndpointInput<E>, more: Record<string, string> = {}) => {
    const { method, path, headers, body } = requestOf(endpoint, input);
    return fetch(catalog.url + path, { method, body, headers: { ...headers, ...more } });
  };
  return {
    ...{ catalog, send },
    call: async (endpoint, input, token) => {
      const answer = await send(endpoint, input, bearer(token));
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${endpoint.method} ${endpoint.path}: ${answer.status} ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    refusal: async (endpoint, input, token) => {
      const answer = await send(endpoint, input, bearer(token));
      const type = answer.headers.get('content-type');
      if (type !== problemType) throw new Error(`${answer.status} ${type} is no refusal: ${await answer.text()}`);
      return (await answer.json()) as Problem;
    },
    follow: async (endpoint, input, { count, lastEventId }) => {
      const answer = await send(endpoint, input, lastEventId === undefined ? {} : { 'last-event-id': lastEventId });
      const type = answer.headers.get('content-type');
      if (type !== 'text/event-stream; charset=utf-8')
        throw new Error(`${answer.status} ${type} is no stream of events`);
      return readEvents(answer, count);
    },
    close: async () => {
      await catalog.close();
      await source.drop();
    },
  };
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

// biome-ignore lint/suspicious/noExplicitAny: the caller's endpoint says what the data is
async function readEvents(answer: Response, count: number): Promise<{ id: string; event: string; data: any }[]> {
  const events: { id: string; event: string; data: unknown }[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      const data = fields.get('data');
      if (data === undefined) continue;
      events.push({ id: fields.get('id') ?? '', event: fields.get('event') ?? 'message', data: JSON.parse(data) });
      if (events.length === count) return events;
    }
  }
  return events;
}
