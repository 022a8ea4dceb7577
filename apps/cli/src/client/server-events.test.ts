import { parseEvents, serverEvents } from './server-events.js';

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function take<T>(events: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const event of events) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

describe('Server-Sent Events', () => {
  it('are read across chunks, with comments and several data lines', async () => {
    const body = chunks(
      ': hello\n\nid: 1\nda',
      'ta: {"a":\ndata: 1}\n\nevent: x\r\nid: 2\r\ndata: "ü"\r\n\r\n',
      'data: 9',
    );
    expect(await take(parseEvents(body), 9)).toEqual([
      { id: '1', event: 'message', data: { a: 1 } },
      { id: '2', event: 'x', data: 'ü' },
    ]);
  });

  it('go on after the last one when a connection breaks', async () => {
    const asked: (string | undefined)[] = [];
    const answers = [chunks('id: 1\ndata: 1\n\n'), chunks('id: 2\ndata: 2\n\n')];
    const connect = async (lastEventId: string | undefined) => {
      asked.push(lastEventId);
      return answers.shift() ?? chunks();
    };
    const events = await take(serverEvents<number>(connect, {}), 2);
    expect(events.map(({ data }) => data)).toEqual([1, 2]);
    expect(asked).toEqual([undefined, '1']);
  });

  it('fail at once when the first connection is refused', async () => {
    const refused = Object.assign(new Error('no'), { retryable: true });
    await expect(
      take(
        serverEvents(() => Promise.reject(refused), {}),
        1,
      ),
    ).rejects.toThrow('no');
  });

  it('fail on a refusal that will not change', async () => {
    const gone = Object.assign(new Error('gone'), { retryable: false });
    const answers = [async () => chunks('data: 1\n\n'), () => Promise.reject(gone)];
    const events = serverEvents<number>(() => (answers.shift() ?? (() => Promise.reject(gone)))(), {});
    await expect(take(events, 2)).rejects.toThrow('gone');
  });
});
