import {
  type Descriptor,
  type Digest,
  formatPlatform,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  isAttestation,
  isImageManifestType,
  isIndexType,
  type Manifest,
  type Platform,
  platformOf,
  selectPlatform,
} from '@entrepot/oci';

/** An index may hold indexes; deeper than this nobody means it well. */
const maxDepth = 4;
/** Documents read for one pull, so that an index of indexes cannot keep a worker busy. */
const maxReads = 32;

/** One manifest with its exact bytes. */
export interface FoundManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
  manifest: Manifest;
}

/** Where documents come from: this store when they are here, else the registry. */
export interface ManifestReader {
  manifest(descriptor: Descriptor): Promise<FoundManifest>;
  /** Only asked about an entry that does not say its platform itself. */
  config(manifest: ImageManifest): Promise<ImageConfig>;
}

/** The image of one platform, and the way to it. */
export interface ChosenImage {
  /** From what the reference names to the image, both included. */
  path: FoundManifest[];
  /** Digest of the last of them, which is the image. */
  shown: Digest;
  image: ImageManifest;
}

/**
 * Descends to the image of the wanted platform. A target that is an image is taken whatever its platform, as Docker
 * does. Attestations are never chosen.
 *
 * @throws {NoMatchingPlatformError} says what exists
 */
export async function chooseManifest(
  target: FoundManifest,
  wanted: Platform,
  reader: ManifestReader,
): Promise<ChosenImage> {
  if (target.manifest.kind === 'image') return { path: [target], shown: target.digest, image: target.manifest };
  const descent = new Descent(wanted, reader);
  const chosen = await descent.into(target.manifest, 1);
  if (!chosen) throw new NoMatchingPlatformError(wanted, descent.seen);
  return { ...chosen, path: [target, ...chosen.path] };
}

class Descent {
  readonly seen: Platform[] = [];
  #reads = 0;

  constructor(
    readonly wanted: Platform,
    readonly reader: ManifestReader,
  ) {}

  async into(index: ImageIndex, depth: number): Promise<ChosenImage | null> {
    if (depth > maxDepth) return null;
    const entries = index.manifests.filter(isImageEntry);
    const named = entries.filter((entry) => entry.platform);
    this.seen.push(...named.flatMap((entry) => entry.platform ?? []));
    const best = selectPlatform(named, (entry) => entry.platform, this.wanted);
    if (best) return this.#open(best, depth, true);
    for (const entry of entries) {
      const found = entry.platform ? null : await this.#open(entry, depth, false);
      if (found) return found;
    }
    return null;
  }

  async #open(entry: Descriptor, depth: number, platformKnown: boolean): Promise<ChosenImage | null> {
    if (++this.#reads > maxReads) return null;
    const found = await this.reader.manifest(entry);
    checkEntry(entry, found);
    if (found.manifest.kind === 'index') {
      const inner = await this.into(found.manifest, depth + 1);
      return inner && { ...inner, path: [found, ...inner.path] };
    }
    if (!platformKnown && !(await this.#runsOnWanted(found.manifest))) return null;
    return { path: [found], shown: found.digest, image: found.manifest };
  }

  async #runsOnWanted(manifest: ImageManifest): Promise<boolean> {
    const platform = platformOf(await this.reader.config(manifest));
    this.seen.push(platform);
    return selectPlatform([platform], (it) => it, this.wanted) !== null;
  }
}

/** The digest fixes the bytes; an index that describes them otherwise means to be read in two ways. */
function checkEntry(entry: Descriptor, { digest, bytes, manifest }: FoundManifest): void {
  const actual = { kind: manifest.kind, sizeBytes: bytes.length };
  const said = { kind: isIndexType(entry.mediaType) ? 'index' : 'image', sizeBytes: entry.sizeBytes };
  if (actual.kind !== said.kind) throw new EntryMismatchError(digest, `an ${said.kind}`, `an ${actual.kind}`);
  if (actual.sizeBytes !== said.sizeBytes) {
    throw new EntryMismatchError(digest, `${said.sizeBytes} bytes`, `${actual.sizeBytes} bytes`);
  }
}

function isImageEntry(entry: Descriptor): boolean {
  return !isAttestation(entry) && (isIndexType(entry.mediaType) || isImageManifestType(entry.mediaType));
}

/** An entry of an index is something else than the index says. */
export class EntryMismatchError extends Error {
  override readonly name = 'EntryMismatchError';
  readonly code = 'INDEX_ENTRY_MISMATCH' as const;
  readonly retryable = false;

  constructor(
    readonly digest: Digest,
    expected: string,
    actual: string,
  ) {
    super(`manifest ${digest} is ${expected} to the index that names it, but is ${actual}`);
  }
}

/** An index has no image for the platform that was asked for. */
export class NoMatchingPlatformError extends Error {
  override readonly name = 'NoMatchingPlatformError';
  readonly code = 'NO_MATCHING_PLATFORM' as const;
  readonly retryable = false;

  constructor(
    readonly wanted: Platform,
    readonly available: readonly Platform[],
  ) {
    const list = [...new Set(available.map(formatPlatform))].join(', ');
    super(
      `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries` +
        (list ? ` (there are: ${list})` : ''),
    );
  }
}
