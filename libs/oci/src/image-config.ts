import { type ContainerConfig, parseContainerConfig } from './container-config.js';
import { type Digest, isDigest } from './digest.js';
import { quoted } from './errors.js';
import { type Fail, parseJsonObject } from './json-document.js';
import { JsonFields, withoutUndefined } from './json-fields.js';
import { normalizePlatform, type Platform } from './platform.js';

/** The parsed config of an image. `raw` is the whole document, for what has no field here. */
export interface ImageConfig {
  /** As written, not normalised; empty when absent, as in very old images. */
  architecture: string;
  os: string;
  variant?: string;
  osVersion?: string;
  osFeatures?: string[];
  /** RFC 3339. */
  created?: string;
  author?: string;
  config: ContainerConfig;
  /** Digests of the uncompressed layers, lowest first. */
  diffIds: Digest[];
  history: HistoryEntry[];
  raw: Record<string, unknown>;
}

/** One build step. Steps with `emptyLayer` made no layer, the others match the diff ids in order. */
export interface HistoryEntry {
  created?: string;
  createdBy?: string;
  author?: string;
  comment?: string;
  emptyLayer: boolean;
}

/** The largest config that is read. */
export const maxImageConfigBytes = 8 * 1024 * 1024;

/**
 * Reads the config blob of an image.
 *
 * @throws {InvalidImageConfigError} against the specification or over a limit
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const raw = parseJsonObject(bytes, maxImageConfigBytes, invalid);
  const fields = new JsonFields(raw, invalid);
  return withoutUndefined<ImageConfig>({
    architecture: fields.optionalPlainText('architecture') ?? '',
    os: fields.optionalPlainText('os') ?? '',
    variant: fields.optionalPlainText('variant') || undefined,
    osVersion: fields.optionalPlainText('os.version') || undefined,
    osFeatures: fields.optionalStrings('os.features'),
    created: parseTime(fields, 'created', invalid),
    author: fields.optionalString('author') || undefined,
    config: parseContainerConfig(fields.optionalObject('config') ?? {}, within('config')),
    diffIds: parseDiffIds(fields),
    history: fields.list('history', parseHistoryEntry),
    raw,
  });
}

/** The platform it was built for, normalised. A config without an os is linux. */
export function platformOf(config: ImageConfig): Platform {
  const { os, architecture, variant, osVersion, osFeatures } = config;
  return normalizePlatform({ os: os || 'linux', architecture, variant, osVersion, osFeatures });
}

function parseDiffIds(fields: JsonFields): Digest[] {
  const fail = within('rootfs');
  const rootfs = new JsonFields(fields.optionalObject('rootfs') ?? {}, fail);
  const type = rootfs.string('type');
  if (type !== 'layers') throw fail(`type is ${quoted(type)}, not "layers"`);
  return rootfs.list('diff_ids', (element, where) => {
    if (typeof element !== 'string' || !isDigest(element)) throw fail(`${where} is not a digest`);
    return element;
  });
}

function parseHistoryEntry(json: unknown, where: string): HistoryEntry {
  const fail = within(where);
  const fields = new JsonFields(json, fail);
  return withoutUndefined({
    created: parseTime(fields, 'created', fail),
    createdBy: fields.optionalString('created_by') || undefined,
    author: fields.optionalString('author') || undefined,
    comment: fields.optionalString('comment') || undefined,
    emptyLayer: fields.optionalBoolean('empty_layer') ?? false,
  });
}

function parseTime(fields: JsonFields, name: string, fail: Fail): string | undefined {
  const text = fields.optionalString(name);
  if (text !== undefined && !isRfc3339(text)) throw fail(`${name} is not an RFC 3339 time: ${quoted(text)}`);
  return text;
}

/** Date.parse would roll February 30 over to March, so the day is compared with what was read. */
function isRfc3339(text: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/.exec(
    text,
  );
  const day = match?.[1];
  if (day === undefined || day.startsWith('0000')) return false;
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}

function within(place: string): Fail {
  return (reason) => invalid(`${place}: ${reason}`);
}

function invalid(reason: string): InvalidImageConfigError {
  return new InvalidImageConfigError(reason);
}

/** An image config that breaks the specification or a limit. */
export class InvalidImageConfigError extends Error {
  override readonly name = 'InvalidImageConfigError';
  readonly code = 'INVALID_IMAGE_CONFIG' as const;
  readonly retryable = false;

  constructor(readonly reason: string) {
    super(`invalid image config: ${reason}`);
  }
}
