import { createSchedule, runNow, type ScheduleRequest } from '@entrepot/content';
import { findRun, listLocalTags, type ScheduleRunRow } from '@entrepot/database';
import { runSchedule as runScheduleJob } from '@entrepot/jobs';
import { buildImage, createTestDatabase, startUpstream, type UpstreamRegistry } from '@entrepot/testing';
import type { PullerParts } from './parts.js';
import { openPullers, type PullerFixture } from './puller-fixture.js';

describe('a schedule', () => {
  let upstream: UpstreamRegistry;
  let fixture: PullerFixture;
  let parts: PullerParts;

  beforeEach(async () => {
    upstream = await startUpstream({ tagPageSize: 3 });
    fixture = await openPullers(await createTestDatabase());
    parts = (await fixture.startPuller()).parts;
  });

  afterEach(async () => {
    await fixture.close();
    await upstream.close();
  }, 120_000);

  const put = async (content: string, ...tags: string[]): Promise<void> => {
    upstream.putImage('lib/app', await buildImage({ layers: [[{ name: 'f', content }]] }), ...tags);
  };
  const repository = (): string => `${upstream.host}/lib/app`;
  const make = async (change: Partial<ScheduleRequest> = {}): Promise<string> => {
    const rules = [{ repository: repository(), semver: '>=1', newest: 2, platforms: [] }];
    const fields = { name: 'app', owner: 'test', cron: '0 0 1 1 *', timezone: 'UTC', rules, labels: {} };
    const rest = { priority: 'low', moved: 'follow', vanished: 'keep', enabled: true } as const;
    return (await createSchedule(fixture.content, { ...fields, ...rest, ...change })).id;
  };
  const run = async (scheduleId: string): Promise<ScheduleRunRow> => {
    const runId = await runNow(fixture.content, scheduleId);
    await parts.queue.enqueue(runScheduleJob, { runId });
    for (;;) {
      const found = await findRun(fixture.content.database.prisma, runId);
      if (found !== null && found.state !== 'listing') {
        if (found.batchId !== null) await fixture.waitFor(found.batchId, 'done');
        return found;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const here = async (): Promise<string[]> =>
    (await listLocalTags(fixture.content.database.prisma, repository())).sort();

  it('mirrors what its rules choose; a tag that did not change costs one HEAD', async () => {
    await put('old', '0.9', '1.0.0');
    await put('new', '1.1.0', '1.2.0', 'latest');
    const id = await make();
    expect(await run(id)).toMatchObject({ state: 'started', tags: 2 });
    expect(await here()).toEqual(['1.1.0', '1.2.0']);
    upstream.requests.splice(0);
    await run(id);
    expect(upstream.requested('manifest').sort()).toEqual([
      'HEAD /v2/lib/app/manifests/1.1.0',
      'HEAD /v2/lib/app/manifests/1.2.0',
    ]);
    expect(upstream.requested('blob')).toEqual([]);
    await put('newest', '2.0.0');
    expect((await run(id)).tags).toBe(2);
    expect(await here()).toEqual(['1.1.0', '1.2.0', '2.0.0']);
  }, 120_000);

  it('follows tags that moved, or leaves them where they are', async () => {
    await put('one', '1.0.0');
    const following = await make();
    const keeping = await make({ name: 'keeping', moved: 'keep' });
    await run(following);
    await put('two', '1.0.0');
    upstream.requests.splice(0);
    expect(await run(keeping)).toMatchObject({ tags: 1, batchId: null });
    expect(upstream.requested('manifest')).toEqual([]);
    await run(following);
    expect(upstream.requested('blob').length).toBeGreaterThan(0);
  }, 120_000);

  it('takes away tags that are gone upstream, when it is told to and only those it brought', async () => {
    await put('one', '1.0.0', '1.1.0');
    await put('mine', 'mine');
    const id = await make({ vanished: 'untag', rules: [{ repository: repository(), globs: ['1.*'], platforms: [] }] });
    await run(id);
    await fixture.waitFor(await fixture.createBatch([`${repository()}:mine`]), 'done');
    upstream.deleteManifest('lib/app', '1.0.0');
    upstream.deleteManifest('lib/app', 'mine');
    expect(await run(id)).toMatchObject({ untagged: 1 });
    expect(await here()).toEqual(['1.1.0', 'mine']);
  }, 120_000);

  it('says what went wrong', async () => {
    const id = await make();
    expect(await run(id)).toMatchObject({ state: 'failed', error: { code: 'NAME_UNKNOWN' } });
  }, 120_000);

  it('runs when its time has come, once', async () => {
    await put('one', '1.0.0');
    const id = await make();
    const { prisma } = fixture.content.database;
    await fixture.startPuller();
    await prisma.schedule.update({ where: { id }, data: { nextRunAt: new Date(Date.now() - 60_000) } });
    while ((await here()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await prisma.scheduleRun.count()).toBe(1);
    expect((await prisma.schedule.findUniqueOrThrow({ where: { id } })).nextRunAt?.getTime()).toBeGreaterThan(
      Date.now(),
    );
  }, 120_000);
});
