import { timingSafeEqual } from 'node:crypto';
import type { SecretBox } from '@entrepot/content';
import { basePath } from '@entrepot/platform-api';

/** Where an archive can be downloaded. The key follows from the id, and from nothing that a client could know. */
export function archiveLink(box: SecretBox, archiveId: string): string {
  return `${basePath}/archives/${archiveId}/download?key=${keyOf(box, archiveId)}`;
}

/** Whether this is the key of the link. */
export function isKeyOf(box: SecretBox, archiveId: string, key: string): boolean {
  const [given, expected] = [Buffer.from(key), Buffer.from(keyOf(box, archiveId))];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function keyOf(box: SecretBox, archiveId: string): string {
  return box.fingerprint(`download of archive ${archiveId}`);
}
