import { Together } from './together.js';

describe('Together', () => {
  it('asks once for what is asked at the same moment, and gives each its answer', async () => {
    const asked: number[][] = [];
    const doubles = new Together<number, number>(async (numbers) => {
      asked.push([...numbers]);
      return numbers.map((number) => number * 2);
    });
    expect(await Promise.all([1, 2, 3].map((number) => doubles.ask(number)))).toEqual([2, 4, 6]);
    expect(asked).toEqual([[1, 2, 3]]);
  });

  it('lets wait what comes while an answer is under way, and asks it together', async () => {
    const asked: number[][] = [];
    let answerFirst = (): void => {};
    const first = new Promise<void>((resolve) => {
      answerFirst = resolve;
    });
    const slow = new Together<number, number>(async (numbers) => {
      asked.push([...numbers]);
      if (asked.length === 1) await first;
      return [...numbers];
    });
    const one = slow.ask(1);
    await new Promise(setImmediate);
    const others = Promise.all([slow.ask(2), slow.ask(3)]);
    answerFirst();
    expect([await one, ...(await others)]).toEqual([1, 2, 3]);
    expect(asked).toEqual([[1], [2, 3]]);
  });

  it('asks each alone when they fail together, so that one does not take the others with it', async () => {
    const picky = new Together<number, number>(async (numbers) => {
      if (numbers.includes(2)) throw new Error('no twos');
      return [...numbers];
    });
    const answers = await Promise.allSettled([1, 2, 3].map((number) => picky.ask(number)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await picky.ask(4)).toBe(4);
  });
});
