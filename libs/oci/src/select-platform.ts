// Which image of an index runs where. Order and rules are those of containerd/platforms `Only`.
import { normalizePlatform, type Platform } from './platform.js';
import { windowsVersionMatches } from './windows-version.js';

/**
 * The candidate that suits `wanted` best, or null. An exact match comes first,
 * then older variants, then the 32-bit sibling; among equals the one with more
 * of the wanted os features, then the earlier one. Candidates without a platform
 * and attestations (`unknown/unknown`) are never chosen.
 */
export function selectPlatform<T>(
  candidates: readonly T[],
  platformOf: (candidate: T) => Platform | undefined,
  wanted: Platform,
): T | null {
  const known = candidates.flatMap((candidate) => {
    const platform = platformOf(candidate);
    return platform === undefined ? [] : [{ candidate, platform: normalizePlatform(platform) }];
  });
  for (const acceptable of acceptablePlatforms(normalizePlatform(wanted))) {
    const matching = known.filter(({ platform }) => matches(acceptable, platform));
    const [best] = matching.sort((a, b) => featureCount(b.platform) - featureCount(a.platform));
    if (best !== undefined) return best.candidate;
  }
  return null;
}

function matches(wanted: Platform, offered: Platform): boolean {
  return (
    offered.os !== 'unknown' &&
    offered.os === wanted.os &&
    offered.architecture === wanted.architecture &&
    offered.variant === wanted.variant &&
    (wanted.os !== 'windows' || windowsVersionMatches(wanted.osVersion, offered.osVersion)) &&
    (offered.osFeatures ?? []).every((feature) => wanted.osFeatures?.includes(feature))
  );
}

function featureCount(platform: Platform): number {
  return platform.osFeatures?.length ?? 0;
}

/** Everything a machine of `wanted` can run, best first, each normalised. */
function acceptablePlatforms(wanted: Platform): Platform[] {
  const others = compatible(wanted.architecture, wanted.variant).map(([architecture, variant]) =>
    normalizePlatform({ ...wanted, architecture, variant }),
  );
  return [wanted, ...others];
}

type Machine = [architecture: string, variant?: string];

function compatible(architecture: string, variant: string | undefined): Machine[] {
  switch (architecture) {
    case 'amd64':
      return [...variantsBelow('amd64', majorOf(variant), 1), ['386']];
    case 'arm':
      return variantsBelow('arm', majorOf(variant), 5);
    case 'arm64':
      return [...arm64Below(variant), ['arm', 'v8'], ...variantsBelow('arm', 8, 5)];
    default:
      return [];
  }
}

function variantsBelow(architecture: string, major: number, lowest: number): Machine[] {
  const count = Math.max(0, major - lowest);
  return Array.from({ length: count }, (_, i) => [architecture, `v${major - 1 - i}`]);
}

/** v9.x also runs v8.0 to v8.(x+5), where the two lines parted. */
function arm64Below(variant = 'v8'): Machine[] {
  const [, major, minor = '0'] = /^v([89])(?:\.(\d))?$/.exec(variant) ?? [];
  if (major === undefined) return [];
  const below = minorsBelow(Number(major), Number(minor));
  return major === '8' ? below : [...below, ...minorsBelow(8, Math.min(Number(minor) + 5, 9) + 1)];
}

function minorsBelow(major: number, minor: number): Machine[] {
  return Array.from({ length: minor }, (_, i) => ['arm64', `v${major}.${minor - 1 - i}`]);
}

/** 0 when there is none. At most two digits, for the number decides how long a list gets. */
function majorOf(variant = ''): number {
  return Number(/^v(\d{1,2})$/.exec(variant)?.[1] ?? 0);
}
