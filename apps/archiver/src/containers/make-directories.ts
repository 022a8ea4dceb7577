import { joinPath, pathParts, type WritableTree } from '@entrepot/layers';
import { ContainerPathError } from './errors.js';

/** Makes a directory and those above it where they are missing, symlinks followed, and returns where it is. */
export function makeDirectories(tree: WritableTree, path: string, nowMs: number): string {
  const resolved = tree.resolve(path);
  let at = '';
  for (const name of pathParts(resolved)) {
    at = joinPath(at, name);
    const found = tree.find(at);
    if (found === null) tree.put(at, { ...plainDirectory, mtimeMs: nowMs }, nowMs);
    else if (found.type !== 'directory') throw new ContainerPathError(500, `mkdir /${at}: not a directory`);
  }
  return resolved;
}

const plainDirectory = {
  ...{ type: 'directory' as const, mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 },
  ...{ linkTarget: null, device: null, xattrs: {}, content: null },
};
