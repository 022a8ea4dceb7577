import type { BlobStore } from '@entrepot/blob-store';
import type { Database } from '@entrepot/database';

/** Where content lives: rows here, bytes there. */
export interface ContentContext {
  database: Database;
  store: BlobStore;
}

/** How long a pull's blobs are kept without anybody renewing the leases. */
export const pullLeaseMs = 60 * 60_000;

/** How long the parts of a fetch that was left are kept for the next one. */
export const keepUploadMs = 24 * 60 * 60_000;

/** The owner of a pull's leases. */
export function pullOwner(pullId: string): string {
  return `pull:${pullId}`;
}
