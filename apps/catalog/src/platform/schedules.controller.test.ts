import {
  createSchedule,
  getSchedule,
  listScheduleRuns,
  listSchedules,
  removeSchedule,
  replaceSchedule,
  runSchedule,
} from '@entrepot/platform-api';
import { createTestDatabase } from '@entrepot/testing';
import { type ApiFixture, openApi } from './api-fixture.js';

describe('schedules over the platform API', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await openApi(await createTestDatabase());
  });
  afterAll(() => api.close());

  const rules = [{ repository: 'redis', semver: '^7', newest: 3, platforms: ['linux/amd64'] }];

  it('are made, shown, changed, run and removed', async () => {
    const made = await api.call(createSchedule, { body: { name: 'redis', cron: '0 3 * * *', rules } });
    expect(made).toMatchObject({ owner: 'local', timezone: 'UTC', moved: 'follow', vanished: 'keep', priority: 'low' });
    expect(made.rules).toEqual([{ ...rules[0], repository: 'docker.io/library/redis' }]);
    expect(new Date(made.nextRunAt ?? 0).getUTCHours()).toBe(3);
    const params = { id: made.id };
    const change = { cron: '@daily', rules, enabled: false, vanished: 'untag' as const };
    expect(await api.call(replaceSchedule, { params, body: change })).toMatchObject({ name: 'redis', nextRunAt: null });
    const run = await api.call(runSchedule, { params });
    expect(run).toMatchObject({ state: 'listing', batchId: null });
    expect((await api.refusal(runSchedule, { params })).code).toBe('SCHEDULE_BUSY');
    expect((await api.call(listScheduleRuns, { params })).items.map(({ id }) => id)).toEqual([run.id]);
    expect((await api.call(listSchedules, {})).items.map(({ name }) => name)).toEqual(['redis']);
    await api.call(removeSchedule, { params });
    expect((await api.refusal(getSchedule, { params })).code).toBe('SCHEDULE_NOT_FOUND');
  });

  it.each([
    [{ cron: '0 0 31 2 *' }, 'INVALID_CRON', 'it never fires'],
    [{ cron: 'whenever' }, 'INVALID_CRON', 'expected five fields'],
    [{ timezone: 'Mars/Olympus' }, 'INVALID_CRON', 'is no time zone'],
    [{ rules: [{ repository: 'redis', semver: 'seven or so' }] }, 'INVALID_RULE', '"seven or so" is no range'],
    [{ rules: [{ repository: 'redis:7', newest: 1 }] }, 'INVALID_RULE', 'without a tag or digest'],
    [{ rules: [{ repository: 'redis' }] }, 'INVALID_REQUEST', 'expected globs, semver or newest'],
    [{ rules: [] }, 'INVALID_REQUEST', 'body rules: '],
    [{ name: 'a b' }, 'INVALID_REQUEST', 'body name: expected letters'],
  ])('%j is refused', async (wrong, code, detail) => {
    const refusal = await api.refusal(createSchedule, { body: { name: 'wrong', cron: '@daily', rules, ...wrong } });
    expect([refusal.code, refusal.detail]).toEqual([code, expect.stringContaining(detail)]);
    expect((await api.call(listSchedules, {})).items.filter(({ name }) => name === 'wrong')).toEqual([]);
  });

  it('have each a name of their own', async () => {
    const body = { name: 'twice', cron: '@daily', rules };
    await api.call(createSchedule, { body });
    expect((await api.refusal(createSchedule, { body })).code).toBe('SCHEDULE_EXISTS');
  });
});
