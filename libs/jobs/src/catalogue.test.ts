import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { jobCatalogue } from './catalogue.js';
import { defineJob } from './define-job.js';

const id = randomUUID();
const digest = `sha256:${'ab'.repeat(32)}` as const;
const { resolvePull, fetchBlob, publishPull, planArchive, loadArchive, analyseLayer, collect } = jobCatalogue;

describe('the job catalogue', () => {
  it('gives every job another name', () => {
    const names = Object.values(jobCatalogue).map((job) => job.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['resolve-pull', resolvePull.jobId({ pullId: id }), `resolve-${id}`],
    ['fetch-blob', fetchBlob.jobId({ digest }), `fetch-sha256-${'ab'.repeat(32)}`],
    ['publish-pull', publishPull.jobId({ pullId: id }), `publish-${id}`],
    ['plan-archive', planArchive.jobId({ archiveId: id }), `plan-${id}`],
    ['load-archive', loadArchive.jobId({ archiveId: id }), `load-${id}`],
    ['analyse-layer', analyseLayer.jobId({ digest }), `analyse-sha256-${'ab'.repeat(32)}`],
    ['collect', collect.jobId({}), 'collect'],
  ])('%s has an id without a colon', (_name, jobId, expected) => {
    expect(jobId).toBe(expected);
  });

  it.each<[string, z.ZodType, unknown, boolean]>([
    ['a uuid', resolvePull.payload, { pullId: id }, true],
    ['no uuid', resolvePull.payload, { pullId: '1' }, false],
    ['nothing', planArchive.payload, {}, false],
    ['a digest', fetchBlob.payload, { digest }, true],
    ['half a digest', fetchBlob.payload, { digest: 'sha256:ab' }, false],
    ['a number', analyseLayer.payload, { digest: 5 }, false],
  ])('a payload with %s', (_what, schema, payload, isValid) => {
    expect(schema.safeParse(payload).success).toBe(isValid);
  });

  it.each(['', 'Fetch', 'a:b', 'a b', '1a'])('refuses the job name %j', (name) => {
    expect(() => defineJob({ ...collect, name })).toThrow(expect.objectContaining({ code: 'INVALID_JOB_NAME' }));
  });
});
