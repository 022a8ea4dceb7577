/** What a small JSON object in an archive may be: decided by its fields, because entries come in any order. */
export type DocumentKind = 'manifest' | 'config' | 'other' | 'no-json';

/** Larger ones are no documents, whatever they begin with. */
export const maxDocumentBytes = 8 * 1024 * 1024;

/** All documents of one archive together. */
export const maxKeptBytes = 64 * 1024 * 1024;

/** Whether the first bytes can begin a JSON object. */
export function beginsLikeDocument(head: Buffer): boolean {
  return /^[ \t\r\n]*\{/.test(head.toString('latin1', 0, 64));
}

/** Tells manifests and image configs from everything else that is JSON (attestations, bills of materials, old v1 images). */
export function documentKind(bytes: Buffer): DocumentKind {
  const json = parse(bytes);
  if (typeof json !== 'object' || json === null) return 'no-json';
  if ('schemaVersion' in json) return 'manifest';
  return 'rootfs' in json ? 'config' : 'other';
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
