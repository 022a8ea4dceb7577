import { cleanEntryName, isRootName } from './entry-name.js';
import type { TarEntry } from './tar-entry.js';
import { parseWhiteout, type Whiteout } from './whiteout.js';

/** One entry of a layer with its name made safe; `path` is `''` for the root itself. */
export interface LayerEntry extends TarEntry {
  path: string;
  /** Set when the entry only says that something below is gone. */
  whiteout: Whiteout | null;
}

/**
 * Makes an entry's names safe.
 *
 * @throws {UnsafePathError} a name or hard link that leaves the root, a whiteout of nothing
 */
export function layerEntry(entry: TarEntry): LayerEntry {
  const path = entry.type === 'directory' && isRootName(entry.name) ? '' : cleanEntryName(entry.name);
  if (entry.type === 'link') cleanEntryName(entry.linkTarget ?? '');
  return { ...entry, path, whiteout: parseWhiteout(path) };
}
