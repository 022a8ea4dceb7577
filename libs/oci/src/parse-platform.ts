import { quoted } from './errors.js';
import { JsonFields, withoutUndefined } from './json-fields.js';
import { defaultPlatform, normalizePlatform, type Platform } from './platform.js';

const knownSystems = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
);
const knownArchitectures = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 ' +
    'mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
);
const systemPattern = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;
const componentPattern = /^[A-Za-z0-9_.-]+$/;

/**
 * Reads `os/architecture[/variant]`, or one of os and architecture alone, and
 * normalises it.
 *
 * @throws {InvalidPlatformError} with containerd's text, which Docker passes on
 */
export function parsePlatform(text: string): Platform {
  if (text.includes('*')) {
    throw new InvalidPlatformError(`${quoted(text)}: wildcards not yet supported: invalid argument`);
  }
  const [first = '', architecture, variant, ...rest] = splitInFour(text);
  const system = parseSystem(first, text);
  for (const part of [architecture, variant, ...rest]) {
    if (part !== undefined && !componentPattern.test(part)) throw invalidComponent(part, text);
  }
  if (rest.length > 0)
    throw new InvalidPlatformError(`${quoted(text)}: cannot parse platform specifier: invalid argument`);
  if (architecture === undefined) return parseAlone(first, system, text);
  return normalizePlatform({ ...system, architecture, variant });
}

/**
 * Reads the Engine API's JSON form (`platform=` of inspect, save and others), as
 * text or parsed already, and normalises it.
 *
 * @throws {InvalidPlatformError} with dockerd's text
 */
export function parseOciPlatform(json: unknown): Platform {
  const value = typeof json === 'string' ? parseJsonText(json) : json;
  const platform = readPlatform(new JsonFields(value, unreadable));
  const { os, architecture, ...optional } = platform;
  if (os === '' && architecture === '' && Object.keys(optional).length > 0) {
    throw new InvalidPlatformError('optional platform fields provided, but OS and Architecture are missing');
  }
  if (os === '' || architecture === '') throw new InvalidPlatformError('both OS and Architecture must be provided');
  return normalizePlatform(platform);
}

/** The specification's platform fields as they stand; os and architecture are empty when absent. */
export function readPlatform(fields: JsonFields): Platform {
  return withoutUndefined({
    os: fields.optionalPlainText('os') ?? '',
    architecture: fields.optionalPlainText('architecture') ?? '',
    variant: fields.optionalPlainText('variant') || undefined,
    osVersion: fields.optionalPlainText('os.version') || undefined,
    osFeatures: fields.optionalStrings('os.features'),
  });
}

/** The last piece holds all the rest, so that a long text does not make a long list. */
function splitInFour(text: string): string[] {
  return (/^([^/]*)(?:\/([^/]*))?(?:\/([^/]*))?(?:\/(.*))?$/s.exec(text) ?? [])
    .slice(1)
    .filter((part) => part !== undefined);
}

function parseAlone(text: string, system: Pick<Platform, 'os'>, whole: string): Platform {
  if (knownSystems.has(system.os)) return normalizePlatform({ ...system, architecture: defaultPlatform.architecture });
  const platform = normalizePlatform({ os: defaultPlatform.os, architecture: text });
  if (knownArchitectures.has(platform.architecture)) return platform;
  throw new InvalidPlatformError(`${quoted(whole)}: unknown operating system or architecture: invalid argument`);
}

function parseSystem(part: string, whole: string): Omit<Platform, 'architecture'> {
  const match = systemPattern.exec(part);
  if (match === null) {
    throw new InvalidPlatformError(
      `${quoted(part)} is an invalid OS component of ${quoted(whole)}: OSAndVersion specifier component must match ` +
        `${quoted(systemPattern.source)}: invalid argument`,
    );
  }
  const [, os = '', osVersion = '', features = ''] = match;
  return withoutUndefined({
    os: normalizePlatform({ os, architecture: '' }).os,
    osVersion: decodeOption(osVersion, whole) || undefined,
    osFeatures:
      features === ''
        ? undefined
        : features
            .slice(1)
            .split('+')
            .map((feature) => decodeOption(feature, whole)),
  });
}

function decodeOption(text: string, whole: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidPlatformError(`${quoted(whole)} has an invalid OS version ${quoted(text)}: invalid argument`);
  }
}

function invalidComponent(part: string, whole: string): Error {
  return new InvalidPlatformError(
    `${quoted(part)} is an invalid component of ${quoted(whole)}: platform specifier component must match ` +
      `${quoted(componentPattern.source)}: invalid argument`,
  );
}

function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('not valid JSON');
  }
}

function unreadable(reason: string): Error {
  return new InvalidPlatformError(`failed to parse platform: ${reason}`);
}

/** Text or JSON that should have been a platform; the message is Docker's. */
export class InvalidPlatformError extends Error {
  override readonly name = 'InvalidPlatformError';
  readonly code = 'INVALID_PLATFORM' as const;
  readonly retryable = false;
}
