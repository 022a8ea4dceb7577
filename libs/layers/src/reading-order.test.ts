import { contentTurn, inReadingOrder, type Turn } from './reading-order.js';

describe('the order in which contents are read', () => {
  const collect = async (turns: readonly Turn[], atOnce?: number) => {
    const items = turns.map((turn, at) => ({ turn, at }));
    let rounds = 0;
    const begin = () => {
      rounds += 1;
      return items;
    };
    const found: { turn: Turn; at: number }[] = [];
    for await (const item of inReadingOrder(begin, ({ turn }) => turn, { atOnce })) found.push(item);
    return { found, rounds };
  };
  const expected = (turns: readonly Turn[]) => {
    const items = turns.map((turn, at) => ({ turn, at }));
    const of = (kind: Turn) => items.filter(({ turn }) => turn === kind);
    const contents = items.filter(({ turn }) => typeof turn === 'number');
    contents.sort((a, b) => (a.turn as number) - (b.turn as number));
    return [...of('first'), ...contents, ...of('last')];
  };

  it('is that of layers and of places in them', () => {
    const turns = [contentTurn(0, 5), contentTurn(0, 2 ** 44), contentTurn(1, 0), contentTurn(200, 7)];
    expect([...turns].sort((a, b) => (a as number) - (b as number))).toEqual(turns);
  });

  it.each([0, 1, 50])('is the same with %i contents, held together', async (contents) => {
    const turns: Turn[] = ['last', 'first', ...Array.from({ length: contents }, (_, n) => (n * 37) % 50), 'first'];
    const { found, rounds } = await collect(turns);
    expect(found).toEqual(expected(turns));
    expect(rounds).toBe(3);
  });

  it('takes one round more for contents that come in order, however many', async () => {
    const turns: Turn[] = Array.from({ length: 5_000 }, (_, n) => (n % 5 === 0 ? 'first' : Math.floor(n / 3)));
    const { found, rounds } = await collect(turns, 100);
    expect(found).toEqual(expected(turns));
    expect(rounds).toBe(2);
  });

  it('is the same where many contents have one turn', async () => {
    const turns: Turn[] = Array.from({ length: 9_000 }, (_, n) => (n * 7) % 3);
    expect((await collect(turns, 500)).found).toEqual(expected(turns));
  });

  it('is the same when only some contents are held at a time', async () => {
    const turns: Turn[] = Array.from({ length: 20_000 }, (_, n) =>
      n % 7 === 0 ? 'first' : n % 11 === 0 ? 'last' : Math.floor(Math.sin(n) * 5_000),
    );
    const { found, rounds } = await collect(turns, 1_000);
    expect(found).toEqual(expected(turns));
    expect(rounds).toBeGreaterThan(10);
  });

  it('gives nothing of nothing', async () => {
    expect((await collect([])).found).toEqual([]);
  });
});
