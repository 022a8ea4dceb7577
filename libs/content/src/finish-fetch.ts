// An admission locks the pulls that wait, and the blobs of a pull end close to each other: so they are admitted together.
import { type Database, deleteOwnFetches } from '@entrepot/database';
import { admitBlobs, releaseWaiters } from './admit.js';
import type { ContentContext } from './context.js';
import { FetchLostError } from './errors.js';
import type { FetchClaim } from './fetching.js';
import type { StoredObject } from './ingest.js';
import { togetherBy } from './together.js';

interface FetchedBlob {
  claim: FetchClaim;
  stored: StoredObject;
}

/** Null when the claim was lost. */
const admitTogether = togetherBy<FetchedBlob, { duePulls: string[] } | null>(admit);

/**
 * Makes the object a blob with a lease for each waiting pull. The pulls returned miss nothing more: publish them. Each is
 * returned to one of those who brought its blobs.
 *
 * @throws {FetchLostError} another has it, or the blob came by another way; abort the ingest
 * @throws {UploadLostError} the upload expired before
 */
export async function finishFetch(
  { database }: ContentContext,
  claim: FetchClaim,
  stored: StoredObject,
): Promise<{ duePulls: string[] }> {
  const finished = await admitTogether(database, { claim, stored });
  if (finished === null) throw new FetchLostError(claim.digest);
  return finished;
}

async function admit(database: Database, fetched: readonly FetchedBlob[]): Promise<({ duePulls: string[] } | null)[]> {
  const { ours, duePulls } = await database.transaction(async (tx) => {
    const claims = fetched.map(({ claim }) => claim);
    const digests = await deleteOwnFetches(tx, claims);
    const objects = fetched.filter(({ claim }) => digests.includes(claim.digest)).map(({ stored }) => stored);
    await admitBlobs(tx, objects);
    return { ours: digests, ...(await releaseWaiters(tx, digests)) };
  });
  const first = fetched.find(({ claim }) => ours.includes(claim.digest));
  return fetched.map((one) => {
    if (!ours.includes(one.claim.digest)) return null;
    return { duePulls: one === first ? duePulls : [] };
  });
}
