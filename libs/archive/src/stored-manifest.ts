import type { Digest } from '@entrepot/oci';

/** A manifest or index with the exact bytes that its digest stands for. */
export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
  /** What it belongs to, when it does not say so itself. */
  subject?: Digest;
}
