// Names and normalisation follow containerd/platforms, as Docker's do.
import { withoutUndefined } from './json-fields.js';

/** What an image was built for. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  osVersion?: string;
  osFeatures?: string[];
}

/** One spelling for each platform: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? '').toLowerCase(),
  );
  const features = [...new Set(platform.osFeatures)].sort();
  return withoutUndefined({
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    variant: variant || undefined,
    osVersion: platform.osVersion || undefined,
    osFeatures: features.length > 0 ? features : undefined,
  });
}

/** Prints the normalised form, which `parsePlatform` reads back: `linux/arm64`, `windows(10.0.17763)/amd64`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant, osVersion = '', osFeatures = [] } = normalizePlatform(platform);
  const options = encodeOption(osVersion) + osFeatures.map((feature) => `+${encodeOption(feature)}`).join('');
  if (os === '') return 'unknown';
  return [options === '' ? os : `${os}(${options})`, architecture, variant].filter(Boolean).join('/');
}

/** Same os, architecture and variant after normalisation; os version and features count where both sides state them. */
export function matchesExactly(a: Platform, b: Platform): boolean {
  const [left, right] = [normalizePlatform(a), normalizePlatform(b)];
  return (
    left.os === right.os &&
    left.architecture === right.architecture &&
    left.variant === right.variant &&
    agrees(left.osVersion, right.osVersion) &&
    agrees(left.osFeatures?.join('+'), right.osFeatures?.join('+'))
  );
}

/** `linux` on this machine's architecture: what an image is chosen for when nobody says otherwise. */
export const defaultPlatform: Platform = Object.freeze(
  normalizePlatform({ os: 'linux', architecture: goArchitecture(process.arch) }),
);

function agrees(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
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

/** Escapes the characters that mean something in `os(version+feature)`. */
function encodeOption(text: string): string {
  return text.replace(/[%+()/]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Node's name of an architecture as Go spells it. */
function goArchitecture(nodeName: string): string {
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  const names: Record<string, string> = {
    x64: 'amd64',
    ia32: '386',
    ppc64: littleEndian ? 'ppc64le' : 'ppc64',
    mipsel: 'mipsle',
  };
  return names[nodeName] ?? nodeName;
}
