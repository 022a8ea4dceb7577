import { randomUUID } from 'node:crypto';
import { putSeekPoints } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { storeBytes } from './admit.js';
import type { ContentContext } from './context.js';
import { releaseLeases } from './leasing.js';

const leaseMs = 10 * 60_000;

/** Keeps what was found of a layer, or that nothing was. Its owner is the layer, so it goes when the layer goes. */
export async function storeSeekPoints(context: ContentContext, layer: Digest, found: Buffer | null): Promise<void> {
  const owner = `seek-points:${randomUUID()}`;
  try {
    const blob = found === null ? null : await storeBytes(context, found, { owner, leaseMs });
    await context.database.transaction((tx) => putSeekPoints(tx, layer, blob?.digest ?? null));
  } finally {
    await releaseLeases(context, owner);
  }
}
