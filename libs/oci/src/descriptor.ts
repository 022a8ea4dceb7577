import { type Digest, digestAlgorithm, digestOf, isDigest } from './digest.js';
import { quoted } from './errors.js';
import { JsonFields, withoutUndefined } from './json-fields.js';
import { readPlatform } from './parse-platform.js';
import type { Platform } from './platform.js';

// RFC 6838 names; parameters after a semicolon occur in artifacts.
const mediaTypePattern = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[ -~]*)?$/;

/** What a manifest or index says about one piece of content: its type, digest and exact size. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  sizeBytes: number;
  platform?: Platform;
  annotations?: Record<string, string>;
  urls?: string[];
  artifactType?: string;
  /** The content itself (`data`); its size and digest have been checked. */
  embedded?: Buffer;
}

/**
 * Reads one descriptor of a parsed document; `where` is its place, for messages.
 *
 * @throws {InvalidManifestError} a field is missing or wrong, or embedded content does not fit its digest
 */
export function parseDescriptor(json: unknown, where: string): Descriptor {
  const fail = (reason: string) => new InvalidManifestError(`${where}: ${reason}`);
  const fields = new JsonFields(json, fail);
  const digest = fields.string('digest');
  if (!isDigest(digest)) throw fail(`invalid digest ${quoted(digest)}`);
  const descriptor = withoutUndefined<Descriptor>({
    mediaType: parseMediaType(fields.string('mediaType'), fail),
    digest,
    sizeBytes: fields.sizeBytes('size'),
    platform: parseDescribedPlatform(fields, fail),
    annotations: fields.optionalStringMap('annotations'),
    urls: fields.optionalStrings('urls'),
    artifactType: fields.optionalPlainText('artifactType') || undefined,
  });
  const embedded = fields.optionalString('data');
  return embedded === undefined ? descriptor : { ...descriptor, embedded: decodeEmbedded(embedded, descriptor, fail) };
}

/** The specification's form with its field names, always in the same order. */
export function descriptorJson(descriptor: Descriptor): object {
  return withoutUndefined({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.sizeBytes,
    urls: descriptor.urls,
    annotations: descriptor.annotations,
    data: descriptor.embedded?.toString('base64'),
    platform: descriptor.platform && platformJson(descriptor.platform),
    artifactType: descriptor.artifactType,
  });
}

/** Whether it describes another entry of the index (BuildKit's attestation manifests) and is no image to run. */
export function isAttestation(descriptor: Descriptor): boolean {
  const { platform, annotations = {} } = descriptor;
  const unknown = platform?.os === 'unknown' && platform.architecture === 'unknown';
  return unknown || Object.hasOwn(annotations, 'vnd.docker.reference.type');
}

function platformJson(platform: Platform): object {
  return withoutUndefined({
    architecture: platform.architecture,
    os: platform.os,
    'os.version': platform.osVersion,
    'os.features': platform.osFeatures,
    variant: platform.variant,
  });
}

function parseMediaType(text: string, fail: (reason: string) => Error): string {
  if (text.length > 255 || !mediaTypePattern.test(text)) throw fail(`invalid media type ${quoted(text)}`);
  return text;
}

/** An empty platform (written by some tools for artifacts) says as much as none. */
function parseDescribedPlatform(fields: JsonFields, fail: (reason: string) => Error): Platform | undefined {
  if (!fields.has('platform')) return undefined;
  const platform = readPlatform(new JsonFields(fields.value('platform'), (reason) => fail(`platform: ${reason}`)));
  return platform.os === '' && platform.architecture === '' ? undefined : platform;
}

function decodeEmbedded(base64: string, { digest, sizeBytes }: Descriptor, fail: (reason: string) => Error): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== sizeBytes || digestOf(bytes, digestAlgorithm(digest)) !== digest) {
    throw fail(`embedded data is not the content of ${digest}`);
  }
  return bytes;
}

/** A manifest, index or descriptor that breaks the specification or a limit. */
export class InvalidManifestError extends Error {
  override readonly name = 'InvalidManifestError';
  readonly code = 'INVALID_MANIFEST' as const;
  readonly retryable = false;

  constructor(readonly reason: string) {
    super(`invalid manifest: ${reason}`);
  }
}
