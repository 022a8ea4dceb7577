import { EntryBudget } from './entry-budget.js';

describe('a budget of entries', () => {
  const none = { linkTarget: null, xattrs: {} };

  it('is used up by entries, and sooner by long names and attributes; it names the first that is too much', () => {
    const fits = (texts: { path: string; linkTarget: string | null; xattrs: Record<string, string> }): number => {
      const budget = new EntryBudget(100_000);
      for (let count = 0; ; count++) {
        try {
          budget.take(`${texts.path}${count}`, texts);
        } catch (error) {
          expect(error).toMatchObject({ code: 'LAYER_TOO_LARGE', entry: `${texts.path}${count}` });
          return count;
        }
      }
    };
    const short = fits({ path: 'f', ...none });
    expect(short).toBeGreaterThan(200);
    expect(fits({ path: 'f'.repeat(4000), ...none })).toBe(11);
    expect(fits({ path: 'f', linkTarget: 'l'.repeat(4000), xattrs: {} })).toBe(11);
    expect(fits({ path: 'f', linkTarget: null, xattrs: { 'user.x': 'v'.repeat(4000) } })).toBe(11);
  });
});
