import type { ArchiveImage, SavedArtifact } from '@entrepot/archive';
import {
  type ArchiveTarget,
  findDigestTarget,
  findImageTarget,
  listManifestTree,
  listTagTargets,
  type ManifestDocument,
  type Tx,
} from '@entrepot/database';
import {
  type Digest,
  formatPlatform,
  matchesExactly,
  type Platform,
  parseManifest,
  parseReference,
  repositoryName,
} from '@entrepot/oci';

/** What somebody wants to save. */
export interface SaveWish {
  /** As typed. */
  names: readonly string[];
  platform: Platform | null;
}

/** What goes into the archive. */
export interface GatheredImages {
  images: ArchiveImage[];
  /** The images that were named, each once. */
  imageIds: Digest[];
}

/**
 * Finds what names stand for, by Docker's rules: a name without a tag means all tags of its repository; an id or a
 * digest goes into the archive without a name.
 *
 * @throws {ReferenceUnknownError} @throws {NoExportTargetError} @throws {InvalidReferenceError}
 */
export async function gatherImages(tx: Tx, { names, platform }: SaveWish): Promise<GatheredImages> {
  const targets: ArchiveTarget[] = [];
  for (const name of names) targets.push(...(await findTargets(tx, name)));
  const rows = await listManifestTree(
    tx,
    targets.map(({ targetDigest }) => targetDigest),
  );
  const documents = new Map(rows.map((document) => [document.digest, document]));
  const artifacts = bySubject(rows);
  const chosen = targets.map((target) => {
    const { image, imageId } = chooseContent(target, documents, platform);
    return { image: { ...image, artifacts: belongingTo(image, artifacts) }, imageId };
  });
  return { images: chosen.map(({ image }) => image), imageIds: [...new Set(chosen.map(({ imageId }) => imageId))] };
}

async function findTargets(tx: Tx, name: string): Promise<ArchiveTarget[]> {
  const byId = /^(?:sha256:[0-9a-f]{1,64}|[0-9a-f]{64})$/.test(name);
  if (byId) return [known(await findImageTarget(tx, withAlgorithm(name)))];
  const reference = parseReference(name);
  const repository = repositoryName(reference);
  if (reference.digest) return [known(await findDigestTarget(tx, repository, reference.digest))];
  const tagged = await listTagTargets(tx, repository, reference.tag ?? null);
  if (tagged.length > 0) return tagged;
  const isShortId = !reference.tag && /^[0-9a-f]+$/.test(name);
  return [known(isShortId ? await findImageTarget(tx, withAlgorithm(name)) : null)];
}

const withAlgorithm = (id: string): string => (id.includes(':') ? id : `sha256:${id}`);

function known(target: ArchiveTarget | null): ArchiveTarget {
  if (target === null) throw new ReferenceUnknownError();
  return target;
}

function chooseContent(
  { reference, targetDigest, shownDigest, imageId }: ArchiveTarget,
  documents: ReadonlyMap<Digest, ManifestDocument>,
  platform: Platform | null,
): { image: ArchiveImage; imageId: Digest } {
  const target = documents.get(targetDigest);
  if (!target) throw new ReferenceUnknownError();
  const children = below(target, documents);
  const references = reference === null ? [] : [reference];
  if (platform === null) {
    return { image: { references, target, children, shown: documents.get(shownDigest) ?? null }, imageId };
  }
  const only = [target, ...children].find((document) => isFor(document, platform));
  if (!only?.imageId) throw new NoExportTargetError(platform);
  return { image: { references, target: only, children: [], shown: only }, imageId: only.imageId };
}

/** Everything below an index that is here, in the order in which it is named. */
function below(document: ManifestDocument, documents: ReadonlyMap<Digest, ManifestDocument>): ManifestDocument[] {
  if (document.kind !== 'index') return [];
  const index = parseManifest(document.bytes, document.mediaType);
  const children = index.kind === 'index' ? index.manifests.flatMap(({ digest }) => documents.get(digest) ?? []) : [];
  return children.flatMap((child) => [child, ...below(child, documents)]);
}

function bySubject(documents: readonly ManifestDocument[]): ReadonlyMap<Digest, SavedArtifact[]> {
  const artifacts = new Map<Digest, SavedArtifact[]>();
  for (const { subjectDigest: subject, ...document } of documents) {
    if (subject !== null && document.kind === 'artifact') {
      artifacts.set(subject, [...(artifacts.get(subject) ?? []), { ...document, subject }]);
    }
  }
  return artifacts;
}

/** What belongs to an image, and what belongs to that. */
function belongingTo(
  { target, children }: ArchiveImage,
  artifacts: ReadonlyMap<Digest, SavedArtifact[]>,
): SavedArtifact[] {
  const found = new Map<Digest, SavedArtifact>();
  const left = [target, ...children].map(({ digest }) => digest);
  for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
    for (const artifact of artifacts.get(digest) ?? []) {
      if (found.has(artifact.digest)) continue;
      found.set(artifact.digest, artifact);
      left.push(artifact.digest);
    }
  }
  return [...found.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

function isFor({ platform }: ManifestDocument, wanted: Platform): boolean {
  return platform !== null && matchesExactly({ ...platform, variant: platform.variant ?? undefined }, wanted);
}

/** A name that nothing here has, in Docker's words. */
export class ReferenceUnknownError extends Error {
  override readonly name = 'ReferenceUnknownError';
  readonly code = 'REFERENCE_UNKNOWN' as const;
  readonly retryable = false;

  constructor() {
    super('reference does not exist');
  }
}

/** The image is here, but not for the wanted platform; in Docker's words. */
export class NoExportTargetError extends Error {
  override readonly name = 'NoExportTargetError';
  readonly code = 'NO_EXPORT_TARGET' as const;
  readonly retryable = false;

  constructor(readonly platform: Platform) {
    super(`no suitable export target found for platform ${formatPlatform(platform)}`);
  }
}
