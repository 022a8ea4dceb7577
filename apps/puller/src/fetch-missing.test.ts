import { createHash } from 'node:crypto';
import type { JobQueue } from '@entrepot/jobs';
import type { Digest } from '@entrepot/oci';
import { fetchMissing, OwnFetches } from './fetch-missing.js';
import type { PullerParts } from './parts.js';
import { TransferSlots } from './transfer-slots.js';

const mebibyte = 1024 * 1024;

function blobOf(sizeBytes: number): { digest: Digest; sizeBytes: number } {
  return { digest: `sha256:${createHash('sha256').update(String(sizeBytes)).digest('hex')}`, sizeBytes };
}

describe('fetchMissing', () => {
  /** The database refuses every claim, so that what is fetched here ends at once and asks for a job. */
  function openParts(slots: number) {
    const jobs: { digest: string; how: 'at once' | 'left over' }[] = [];
    const prisma = {
      $queryRaw: async () => {
        throw new Error('the database is away');
      },
    };
    const errors: unknown[] = [];
    const parts = {
      content: { database: { prisma } },
      logger: { info: () => {} },
      slots: new TransferSlots(slots),
      tinySlots: new TransferSlots(slots),
      ownFetches: new OwnFetches((error) => errors.push(error)),
      queue: {
        enqueue: async (_: unknown, { digest }: { digest: string }) => jobs.push({ digest, how: 'left over' }),
        enqueueMany: async (_: unknown, payloads: { digest: string }[]) =>
          jobs.push(...payloads.map(({ digest }) => ({ digest, how: 'at once' as const }))),
      } as unknown as JobQueue,
      owner: 'puller:test',
    } as unknown as PullerParts;
    return { parts, jobs, errors };
  }

  const small = blobOf(20 * mebibyte);
  const tiny = blobOf(500);
  const large = blobOf(100 * mebibyte);
  const wait = () => new Promise((resolve) => setTimeout(resolve, 50));

  it('asks for a job for what is large, and for what it could not fetch itself', async () => {
    const { parts, jobs, errors } = openParts(4);
    await fetchMissing(parts, 'interactive', [tiny, large, small]);
    expect(jobs).toEqual([{ digest: large.digest, how: 'at once' }]);
    await wait();
    expect(
      jobs
        .slice(1)
        .map(({ digest }) => digest)
        .sort(),
    ).toEqual([tiny.digest, small.digest].sort());
    expect(jobs.slice(1).every(({ how }) => how === 'left over')).toBe(true);
    expect(errors).toEqual([]);
  });

  it('leaves all but 64 MiB of a pull to whoever takes the jobs', async () => {
    const { parts, jobs } = openParts(4);
    await fetchMissing(
      parts,
      'interactive',
      [21, 22, 23, 24].map((size) => blobOf(size * mebibyte)),
    );
    expect(jobs.filter(({ how }) => how === 'at once')).toHaveLength(2);
  });

  it('asks for jobs alone where no slot is idle', async () => {
    const { parts, jobs } = openParts(1);
    await parts.slots.take('interactive', new AbortController().signal);
    await fetchMissing(parts, 'interactive', [tiny, small]);
    expect(jobs.map(({ how }) => how)).toEqual(['at once', 'at once']);
  });

  it('lets go of what is under way when it stops, and asks for jobs for it', async () => {
    const { parts, jobs } = openParts(1);
    await fetchMissing(parts, 'interactive', [small, blobOf(10 * mebibyte)]);
    await parts.ownFetches.stop();
    expect(jobs.map(({ how }) => how)).toEqual(['left over', 'left over']);
  });
});
