import { throttleErrors } from './throttle-errors.js';

describe('throttled errors', () => {
  const heard: [string, number][] = [];
  let time = 0;
  const { report, mute } = throttleErrors(
    (error, leftOut) => heard.push([error.message, leftOut]),
    10_000,
    () => time,
  );

  beforeEach(() => {
    heard.length = 0;
    time += 100_000;
  });

  it('let one of a kind through in a window, then say how many were left out', () => {
    for (let n = 0; n < 1_000; n++) report(new Error(`connect ECONNREFUSED 127.0.0.1:${5_000 + n}`));
    time += 10_000;
    report(new Error('connect ECONNREFUSED 127.0.0.1:1'));
    expect(heard).toEqual([
      ['connect ECONNREFUSED 127.0.0.1:5000', 0],
      ['connect ECONNREFUSED 127.0.0.1:1', 999],
    ]);
  });

  it('keep kinds apart, and take what is no error', () => {
    report(new Error('lock lost'));
    report(new TypeError('lock lost'));
    report('odd');
    expect(heard.map(([message]) => message)).toEqual(['lock lost', 'lock lost', 'odd']);
  });

  it('stay small when every error is new', () => {
    for (let n = 0; n < 10_000; n++) report(new Error(`strange ${'x'.repeat(n % 70)}`));
    expect(heard.length).toBeLessThan(200);
  });

  it('end when muted', () => {
    mute();
    report(new Error('new'));
    expect(heard).toEqual([]);
  });
});
