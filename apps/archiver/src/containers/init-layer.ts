import type { IndexEntry } from '@entrepot/layers';
import type { TopLayer } from '../layer-trees.js';

/** What a daemon puts between the image and every container, for the runtime to mount over. */
const initPaths: readonly [path: string, what: 'directory' | 'file' | { symlink: string }][] = [
  ['.dockerenv', 'file'],
  ['dev', 'directory'],
  ['dev/console', 'file'],
  ['dev/pts', 'directory'],
  ['dev/shm', 'directory'],
  ['etc', 'directory'],
  ['etc/hostname', 'file'],
  ['etc/hosts', 'file'],
  ['etc/mtab', { symlink: '/proc/mounts' }],
  ['etc/resolv.conf', 'file'],
  ['proc', 'directory'],
  ['sys', 'directory'],
];

/** That layer on top of an image; directories that the image has stay as they are. */
export const initLayer: TopLayer = {
  name: 'init',
  entries: (image) =>
    initPaths.flatMap(([path, what]) => {
      if (what === 'directory') return image.find(path)?.entry.type === 'directory' ? [] : [entry(path, 'directory')];
      return what === 'file' ? [entry(path, 'file')] : [{ ...entry(path, 'symlink'), linkTarget: what.symlink }];
    }),
};

function entry(path: string, type: 'directory' | 'file' | 'symlink'): IndexEntry {
  return {
    ...{ path, type, mode: type === 'symlink' ? 0o777 : 0o755, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 0 },
    ...{ linkTarget: null, device: null, xattrs: {}, offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null },
  };
}
