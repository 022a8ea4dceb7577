// cosign keeps what belongs to a manifest under tags that are made of its digest
// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md). The manifests themselves do not say so.
import { type Digest, isDigest } from './digest.js';
import type { ImageManifest } from './manifest.js';

const suffixes = ['sig', 'att', 'sbom'] as const;

/** Under these tags signatures, attestations and an SBOM of a manifest are found, where there are any. */
export function cosignTags(subject: Digest): string[] {
  return suffixes.map((suffix) => `${subject.replace(':', '-')}.${suffix}`);
}

/** Which manifest a tag of cosign is about; null for any other tag. */
export function subjectOfCosignTag(tag: string): Digest | null {
  const [, algorithm, hex] = /^(sha256|sha512)-([0-9a-f]+)\.(?:sig|att|sbom)$/.exec(tag) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : null;
}

/** The tag that something has which belongs to a manifest. */
export function cosignTagOf(subject: Digest, { layers }: Pick<ImageManifest, 'layers'>): string {
  const has = (type: RegExp): boolean => layers.some(({ mediaType }) => type.test(mediaType));
  const suffix = has(/\.simplesigning\./) ? 'sig' : has(/\.(?:dsse|in-toto)[.+]/) ? 'att' : 'sbom';
  return `${subject.replace(':', '-')}.${suffix}`;
}
