/** Whiteouts: how a layer says that something of the layers below is gone. OCI image spec, layer.md#whiteouts. */
import { UnsafePathError } from './errors.js';

/** `whiteout` removes `target`; `opaque` hides what lower layers have in `dir` (`''` is the root); `ignored` is left over from aufs. */
export type Whiteout = { kind: 'whiteout'; target: string } | { kind: 'opaque'; dir: string } | { kind: 'ignored' };

const prefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/**
 * Reads a cleaned entry name; null when it is an ordinary file.
 *
 * @throws {UnsafePathError} a whiteout of nothing, `.` or `..`
 */
export function parseWhiteout(name: string): Whiteout | null {
  const slash = name.lastIndexOf('/');
  const dir = slash === -1 ? '' : name.slice(0, slash);
  const base = name.slice(slash + 1);
  if (!base.startsWith(prefix)) return null;
  if (base === opaqueMarker) return { kind: 'opaque', dir };
  if (base.startsWith(`${prefix}${prefix}`)) return { kind: 'ignored' };
  const target = base.slice(prefix.length);
  if (target === '' || target === '.' || target === '..') throw new UnsafePathError(name, 'is a whiteout of nothing');
  return { kind: 'whiteout', target: dir === '' ? target : `${dir}/${target}` };
}

/** The name under which a layer removes `path`. */
export function whiteoutName(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}${prefix}${path.slice(slash)}`;
}

/** The name under which a layer hides everything that lower layers have in `dir`. */
export function opaqueName(dir: string): string {
  return dir === '' ? opaqueMarker : `${dir}/${opaqueMarker}`;
}
