import type { BlobStoreListing } from '@entrepot/blob-store';
import { findKnownKeys, listBlobsByKey } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';

const page = 1_000;

/** Where the database and the store disagree. */
export interface Discrepancies {
  /** Objects that no row knows. */
  unknown: { storageKey: string; sizeBytes: number }[];
  /** Blobs without an object. */
  missing: { digest: Digest; storageKey: string }[];
  /** Blobs whose object has another size. */
  wrongSize: { digest: Digest; storageKey: string; expectedBytes: number; actualBytes: number }[];
}

/**
 * Compares the store's listing with the tables, and changes nothing. While others work, what comes or goes during the
 * listing may be reported; what two reports agree on is real.
 */
export async function reconcile(context: ContentContext & { store: BlobStoreListing }): Promise<Discrepancies> {
  const { prisma } = context.database;
  const sizes = new Map<string, number>();
  for await (const { key, sizeBytes } of context.store.list()) sizes.set(key, sizeBytes);
  const found: Discrepancies = { unknown: [], missing: [], wrongSize: [] };
  for (let after: string | null = ''; after !== null; ) {
    const blobs = await listBlobsByKey(prisma, { after, limit: page });
    for (const { digest, storageKey, sizeBytes: expectedBytes } of blobs) {
      const actualBytes = sizes.get(storageKey);
      if (actualBytes === undefined) found.missing.push({ digest, storageKey });
      else if (actualBytes !== expectedBytes) found.wrongSize.push({ digest, storageKey, expectedBytes, actualBytes });
    }
    after = blobs.length < page ? null : (blobs.at(-1)?.storageKey ?? null);
  }
  const keys = [...sizes.keys()];
  for (let from = 0; from < keys.length; from += page) {
    const part = keys.slice(from, from + page);
    const known = new Set(await findKnownKeys(prisma, part));
    for (const storageKey of part) {
      if (!known.has(storageKey)) found.unknown.push({ storageKey, sizeBytes: sizes.get(storageKey) ?? 0 });
    }
  }
  return found;
}
