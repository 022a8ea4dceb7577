import { setTimeout as sleep } from 'node:timers/promises';
import { createHealth } from './health.js';

describe('health', () => {
  it('is well without checks', async () => {
    expect(await createHealth().check()).toEqual({ ok: true, checks: {} });
  });

  it('is well when every check is', async () => {
    const health = createHealth();
    health.add('database', async () => 'anything');
    health.add('queue', async () => {});
    const report = await health.check();
    expect(report.ok).toBe(true);
    expect(report.checks).toEqual({
      database: { ok: true, durationMs: expect.any(Number) },
      queue: { ok: true, durationMs: expect.any(Number) },
    });
  });

  it('names what is not well and why, without secrets', async () => {
    const health = createHealth();
    health.add('database', async () => {
      throw new Error('connect postgres://me:hunter2@db refused');
    });
    health.add('queue', async () => {});
    health.add('odd', () => {
      throw 'thrown at once';
    });
    const { ok, checks } = await health.check();
    expect(ok).toBe(false);
    expect(checks.database).toMatchObject({ ok: false, error: 'connect postgres://me:[struck]@db refused' });
    expect(checks.queue?.ok).toBe(true);
    expect(checks.odd).toMatchObject({ ok: false, error: 'thrown at once' });
  });

  it('ends in time, side by side, and tells a slow check to stop', async () => {
    const health = createHealth({ timeoutMs: 60 });
    const signals: AbortSignal[] = [];
    for (const name of ['a', 'b', 'c']) {
      health.add(name, (signal) => {
        signals.push(signal);
        return new Promise(() => {});
      });
    }
    const from = Date.now();
    const report = await health.check();
    expect(Date.now() - from).toBeLessThan(500);
    expect(report.checks.a).toMatchObject({ ok: false, error: 'no answer within 60 ms' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it('is not upset by a check that fails after its time', async () => {
    const health = createHealth({ timeoutMs: 20 });
    health.add('late', async () => {
      await sleep(50);
      throw new Error('too late');
    });
    expect((await health.check()).checks.late?.error).toBe('no answer within 20 ms');
    await sleep(60);
  });

  it('runs once for callers at the same time, and anew for the next', async () => {
    const health = createHealth();
    let runs = 0;
    health.add('slow', async () => {
      runs++;
      await sleep(20);
    });
    await Promise.all([health.check(), health.check(), health.check()]);
    expect(runs).toBe(1);
    await health.check();
    expect(runs).toBe(2);
  });

  it('replaces a check of the same name', async () => {
    const health = createHealth();
    health.add('x', async () => {
      throw new Error('old');
    });
    health.add('x', async () => {});
    expect((await health.check()).ok).toBe(true);
  });
});
