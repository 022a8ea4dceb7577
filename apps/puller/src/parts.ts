import type { AnalysisWishes, ContentContext, SecretBox, Upstreams } from '@entrepot/content';
import type { JobQueue } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import type { Credential, RegistryClient } from '@entrepot/registry-client';
import type { TrustPolicy } from '@entrepot/trust';
import type { Courtesy } from './courtesy.js';
import type { OwnFetches } from './fetch-missing.js';
import type { TransferSlots } from './transfer-slots.js';

/** Everything from outside that the steps of a pull work with. Whoever opened it closes it. */
export interface PullerParts {
  content: ContentContext;
  queue: JobQueue;
  registry: RegistryClient;
  /** The client is told of every change by whoever opened both. */
  upstreams: Upstreams;
  secretBox: SecretBox;
  logger: Logger;
  slots: TransferSlots;
  /** Beside those, for what is over as soon as it has begun. */
  tinySlots: TransferSlots;
  ownFetches: OwnFetches;
  analysis: AnalysisWishes;
  courtesy: Courtesy;
  /** Which images must be signed, and by whom. */
  trust: TrustPolicy;
  /** How much more the store can take; null when nobody knows. */
  freeBytes: () => Promise<number | null>;
  /** Who this process is in the fetches it takes; never used by two processes. */
  owner: string;
}

/**
 * The credential that came with a pull, if one did.
 *
 * @throws {SecretBoxError} sealed with another key
 */
export function openCredential(parts: PullerParts, sealed: Uint8Array | null): Credential | undefined {
  return sealed === null ? undefined : (JSON.parse(parts.secretBox.open(sealed)) as Credential);
}
