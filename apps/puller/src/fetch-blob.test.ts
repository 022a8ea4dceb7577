import { fetchBlob } from './fetch-blob.js';
import type { PullerParts } from './parts.js';
import { TransferSlots } from './transfer-slots.js';

const digest = `sha256:${'ab'.repeat(32)}` as const;
const job = { signal: new AbortController().signal, lastAttempt: false };

describe('fetchBlob', () => {
  it('ends at once when another has the blob, since a job that waits would hide the next wish for it', async () => {
    // The answer to the claim.
    const answers: unknown[][] = [[{ isClaimed: false, digest }], []];
    const prisma = { $queryRaw: async () => answers.shift() ?? [] };
    const slots = new TransferSlots(1);
    const parts = { content: { database: { prisma } }, slots, owner: 'puller:test' } as unknown as PullerParts;
    expect(await fetchBlob(parts, { digest }, job)).toBeUndefined();
    expect(slots.hasIdle).toBe(true);
  });
});
