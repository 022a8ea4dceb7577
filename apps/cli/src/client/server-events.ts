// Server-Sent Events as the HTML standard has them (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import { setTimeout as sleep } from 'node:timers/promises';

/** One event; `id` is what a later connection goes on after. */
export interface ServerEvent<T> {
  id?: string;
  event: string;
  data: T;
}

const maxEventBytes = 16 * 1024 * 1024;
const firstWaitMs = 250;
const longestWaitMs = 5_000;
const triesWithoutEvent = 8;

/**
 * Events of one connection after another: when one breaks off, the next is asked for what came after the last event.
 * The caller stops when it has seen the last one.
 *
 * @throws what `connect` throws at first; later only after eight tries that brought nothing
 */
export async function* serverEvents<T>(
  connect: (lastEventId: string | undefined) => Promise<AsyncIterable<Buffer>>,
  options: { signal?: AbortSignal; lastEventId?: string },
): AsyncGenerator<ServerEvent<T>> {
  let { lastEventId } = options;
  let failures = 0;
  for (let first = true; ; first = false) {
    try {
      for await (const event of parseEvents<T>(await connect(lastEventId))) {
        failures = 0;
        lastEventId = event.id ?? lastEventId;
        yield event;
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (first || failures >= triesWithoutEvent || !(error as { retryable?: boolean }).retryable) throw error;
    }
    failures += 1;
    if (failures > triesWithoutEvent) return;
    await sleep(Math.min(firstWaitMs * 2 ** failures, longestWaitMs), undefined, { signal: options.signal });
  }
}

/** The events of one answer, data as JSON. */
export async function* parseEvents<T>(body: AsyncIterable<Buffer>): AsyncGenerator<ServerEvent<T>> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > maxEventBytes) throw new Error('an event is too large');
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseEvent<T>(block);
      if (event) yield event;
    }
  }
}

function parseEvent<T>(block: string): ServerEvent<T> | null {
  const fields: Record<string, string[]> = {};
  for (const line of block.split(/\r?\n/)) {
    const match = /^(\w+): ?(.*)$/.exec(line);
    if (!match) continue;
    const [, name = '', value = ''] = match;
    fields[name] = [...(fields[name] ?? []), value];
  }
  if (!fields.data) return null;
  return {
    id: fields.id?.at(-1),
    event: fields.event?.at(-1) ?? 'message',
    data: JSON.parse(fields.data.join('\n')) as T,
  };
}
