import { parseChallenges } from './challenge.js';

const parsed = (header: string | string[] | undefined) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('the challenges of a 401', () => {
  it.each<[string, unknown[]]>([
    ['Basic realm="x"', [['basic', { realm: 'x' }]]],
    [
      'Bearer realm="https://a/token",service="b",scope="repository:c:pull,push"',
      [['bearer', { realm: 'https://a/token', service: 'b', scope: 'repository:c:pull,push' }]],
    ],
    ['BEARER Realm = "a" , Service=b', [['bearer', { realm: 'a', service: 'b' }]]],
    [
      'Negotiate, Basic realm="x", Bearer realm="y"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y' }],
      ],
    ],
    [
      'Negotiate abcd==, Basic realm="x"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    ['Bearer realm="a \\"quoted\\" word"', [['bearer', { realm: 'a "quoted" word' }]]],
    ['Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
    ['Bearer realm="never closed', [['bearer', {}]]],
    ['', []],
    ['"nonsense"', []],
  ])('%s', (header, expected) => {
    expect(parsed(header)).toEqual(expected);
  });

  it('may stand in several lines, or be absent', () => {
    expect(parsed(['Basic realm="x"', 'Bearer realm="y"']).map(([scheme]) => scheme)).toEqual(['basic', 'bearer']);
    expect(parsed(undefined)).toEqual([]);
  });

  it('are not looked for in a line without measure, nor for long in a tricky one', () => {
    expect(parsed(`Basic realm="${'x'.repeat(20_000)}"`)).toEqual([]);
    const started = performance.now();
    parsed(`Basic ${'a='.repeat(8_000)}`);
    parsed(`Basic realm="${'\\'.repeat(16_000)}`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
