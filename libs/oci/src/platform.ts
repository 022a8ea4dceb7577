// Names and normalisation follow containerd/platforms, whose texts Docker prints.
import { JsonFields, withoutUndefined } from './json-fields.js';

/** What an image was built for. Values made by this file are normalised; those inside documents need not be. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  osVersion?: string;
  osFeatures?: string[];
}

const systems = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(' '),
);
const architectures = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 ' +
    'mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
);
const systemPattern = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;
const componentPattern = /^[A-Za-z0-9_.-]+$/;

/** `linux` on this machine's architecture: what an image is chosen for when nobody says otherwise. */
export const defaultPlatform: Platform = Object.freeze(
  normalizePlatform({ os: 'linux', architecture: goArchitecture(process.arch) }),
);

/**
 * Reads `os/architecture[/variant]`, or one of os and architecture alone, and normalises it.
 *
 * @throws {InvalidPlatformError} with containerd's text
 */
export function parsePlatform(text: string): Platform {
  const [first = '', architecture, variant, ...rest] = text.split('/');
  const system = parseSystem(first, text);
  for (const part of [architecture, variant]) {
    if (part !== undefined && !componentPattern.test(part)) throw new InvalidPlatformError(text, componentProblem(part, text));
  }
  if (rest.length > 0) throw new InvalidPlatformError(text, `${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`);
  if (architecture !== undefined) return normalizePlatform({ ...system, architecture, variant });
  if (systems.has(system.os)) return normalizePlatform({ ...system, architecture: defaultPlatform.architecture });
  const alone = normalizePlatform({ os: 'linux', architecture: first });
  if (architectures.has(alone.architecture)) return alone;
  throw new InvalidPlatformError(text, `${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
}

/**
 * Reads the Engine API's JSON form, as text or already parsed, and normalises it.
 *
 * @throws {InvalidPlatformError} with dockerd's text
 */
export function parseOciPlatform(json: unknown): Platform {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  const fields = new JsonFields(typeof json === 'string' ? parseJsonText(json) : json, (reason) => unreadable(text, reason));
  const platform = readPlatform(fields);
  if (platform.os === '' && platform.architecture === '' && Object.keys(platform).length > 2) {
    throw new InvalidPlatformError(text, 'optional platform fields provided, but OS and Architecture are missing');
  }
  if (platform.os === '' || platform.architecture === '') {
    throw new InvalidPlatformError(text, 'both OS and Architecture must be provided');
  }
  return normalizePlatform(platform);
}

/** The fields of the specification's platform object as they stand; absent ones are empty. */
export function readPlatform(fields: JsonFields): Platform {
  return withoutUndefined({
    os: fields.optionalString('os') ?? '',
    architecture: fields.optionalString('architecture') ?? '',
    variant: fields.optionalString('variant') || undefined,
    osVersion: fields.optionalString('os.version') || undefined,
    osFeatures: fields.optionalStrings('os.features'),
  });
}

/** Prints the normalised form, which {@link parsePlatform} reads back: `linux/arm64`, `windows(10.0.17763)/amd64`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant, osVersion = '', osFeatures = [] } = normalizePlatform(platform);
  const options = encodeOption(osVersion) + osFeatures.map((feature) => `+${encodeOption(feature)}`).join('');
  return [options === '' ? os : `${os}(${options})`, architecture, variant].filter(Boolean).join('/');
}

/** One spelling for each platform: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`. */
export function normalizePlatform(platform: Platform): Platform {
  const [architecture, variant] = normalizeArchitecture(platform.architecture.toLowerCase(), (platform.variant ?? '').toLowerCase());
  const os = platform.os.toLowerCase();
  const features = [...new Set(platform.osFeatures)].sort();
  return withoutUndefined({
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    variant: variant || undefined,
    osVersion: platform.osVersion || undefined,
    osFeatures: features.length > 0 ? features : undefined,
  });
}

function normalizeArchitecture(architecture: string, variant: string): [architecture: string, variant: string] {
  switch (architecture) {
    case 'i386':
      return ['386', ''];
    case 'amd64':
    case 'x86_64':
    case 'x86-64':
      return ['amd64', variant === 'v1' ? '' : variant];
    case 'arm64':
    case 'aarch64':
      return ['arm64', normalizeArm64Variant(variant)];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      return ['arm', /^[5-8]$/.test(variant) ? `v${variant}` : variant || 'v7'];
    default:
      return [architecture, variant];
  }
}

function normalizeArm64Variant(variant: string): string {
  if (['8', 'v8', 'v8.0'].includes(variant)) return '';
  return ['9', 'v9.0'].includes(variant) ? 'v9' : variant;
}

function parseSystem(part: string, whole: string): { os: string; osVersion?: string; osFeatures?: string[] } {
  const match = systemPattern.exec(part);
  if (match === null) throw new InvalidPlatformError(whole, systemProblem(part, whole));
  const [, os = '', osVersion = '', features = ''] = match;
  const decode = (text: string) => decodeOption(text, whole);
  return { os: os.toLowerCase(), osVersion: decode(osVersion), osFeatures: features.split('+').slice(1).map(decode) };
}

function goArchitecture(nodeName: string): string {
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  const names: Record<string, string> = { x64: 'amd64', ia32: '386', ppc64: littleEndian ? 'ppc64le' : 'ppc64', mipsel: 'mipsle' };
  return names[nodeName] ?? nodeName;
}
