// One type per document: Content-Type, `mediaType` and shape must agree, or two readers of the same digest could
// see an image and an index (CVE-2021-41190).
import { type Descriptor, InvalidManifestError, parseDescriptor } from './descriptor.js';
import { quoted } from './errors.js';
import { parseJsonObject } from './json-document.js';
import { JsonFields, withoutUndefined } from './json-fields.js';
import {
  isImageConfigType,
  isImageManifestType,
  isIndexType,
  isProofType,
  isSchema1Type,
  MEDIA_TYPES,
} from './media-types.js';

/** A parsed manifest of either kind. The bytes it came from are what gets stored, never a new serialisation. */
export type Manifest = ImageManifest | ImageIndex;

/** One image or artifact: a config and its layers, lowest first. */
export interface ImageManifest {
  kind: 'image';
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Several manifests under one name, one per platform as a rule. May be empty, may name further indexes. */
export interface ImageIndex {
  kind: 'index';
  mediaType: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** The largest manifest that is read. */
export const maxManifestBytes = 4 * 1024 * 1024;

const maxDescriptors = 10_000;
// What registries say that keep manifests as plain files; then `mediaType` and shape decide.
const genericTypes = new Set(['', 'application/json', 'application/octet-stream', 'text/plain']);

/**
 * Reads a manifest or index; `contentType` is the header it came with.
 *
 * @throws {InvalidManifestError} against the specification, over a limit, or of two types at once
 * @throws {UnsupportedManifestError} Docker's schema 1, or a type nobody here knows
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const fields = new JsonFields(parseJsonObject(bytes, maxManifestBytes, invalid), invalid);
  const mediaType = decideType(fields, contentType);
  if (isIndexType(mediaType)) return parseIndex(fields, mediaType);
  if (isImageManifestType(mediaType)) return parseImage(fields, mediaType);
  throw new UnsupportedManifestError(mediaType);
}

/** Whether it is an image that could run, not an artifact, an attestation or a plugin. */
export function isRunnableImage(manifest: ImageManifest): boolean {
  return (
    isImageConfigType(manifest.config.mediaType) && !manifest.layers.some(({ mediaType }) => isProofType(mediaType))
  );
}

function parseImage(fields: JsonFields, mediaType: string): ImageManifest {
  refuseFields(fields, mediaType, ['manifests', 'fsLayers']);
  if (!fields.has('config')) throw invalid('config is missing');
  return withoutUndefined<ImageManifest>({
    kind: 'image',
    mediaType,
    config: parseDescriptor(fields.value('config'), 'config'),
    layers: parseDescriptors(fields, 'layers'),
    ...parseCommon(fields),
  });
}

function parseIndex(fields: JsonFields, mediaType: string): ImageIndex {
  refuseFields(fields, mediaType, ['config', 'layers', 'fsLayers']);
  return withoutUndefined<ImageIndex>({
    kind: 'index',
    mediaType,
    manifests: parseDescriptors(fields, 'manifests'),
    ...parseCommon(fields),
  });
}

function parseCommon(fields: JsonFields): Pick<Manifest, 'subject' | 'artifactType' | 'annotations'> {
  return {
    subject: fields.has('subject') ? parseDescriptor(fields.value('subject'), 'subject') : undefined,
    artifactType: fields.optionalPlainText('artifactType') || undefined,
    annotations: fields.optionalStringMap('annotations'),
  };
}

function parseDescriptors(fields: JsonFields, name: string): Descriptor[] {
  const descriptors = fields.list(name, parseDescriptor);
  if (descriptors.length > maxDescriptors) throw invalid(`${name} has more than ${maxDescriptors} entries`);
  return descriptors;
}

/** Header first, then `mediaType`, then the shape (OCI documents need not name their type). */
function decideType(fields: JsonFields, contentType = ''): string {
  const [header = ''] = contentType.split(';', 1).map((type) => type.trim().toLowerCase());
  const told = genericTypes.has(header) ? '' : header;
  const written = fields.optionalString('mediaType') ?? '';
  const version = fields.optionalInteger('schemaVersion') ?? 2;
  if (version === 1) throw new UnsupportedManifestError(written || MEDIA_TYPES.dockerManifestV1);
  if (version !== 2) throw invalid(`schemaVersion is ${version}`);
  if (told !== '' && written !== '' && told !== written) {
    throw invalid(`content type ${quoted(told)} but media type ${quoted(written)}`);
  }
  return told || written || typeByShape(fields);
}

function typeByShape(fields: JsonFields): string {
  if (fields.has('manifests')) return MEDIA_TYPES.ociIndex;
  if (fields.has('config')) return MEDIA_TYPES.ociManifest;
  throw invalid('neither a media type nor the fields of an image or index');
}

function refuseFields(fields: JsonFields, mediaType: string, names: string[]): void {
  const found = names.find((name) => fields.has(name));
  if (found !== undefined) throw invalid(`${found} has no place in ${mediaType}`);
}

function invalid(reason: string): InvalidManifestError {
  return new InvalidManifestError(reason);
}

/** A manifest of a format that is not read, such as Docker's schema 1. */
export class UnsupportedManifestError extends Error {
  override readonly name = 'UnsupportedManifestError';
  readonly code = 'UNSUPPORTED_MANIFEST' as const;
  readonly retryable = false;

  constructor(readonly mediaType: string) {
    super(
      isSchema1Type(mediaType)
        ? 'docker image manifest version 2, schema 1 is not supported; its author should push the image again as schema 2 or OCI'
        : `manifests of type ${quoted(mediaType)} are not supported`,
    );
  }
}
