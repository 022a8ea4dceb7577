import { BuildError } from '../errors.js';
import { type FileTree, readSmallFile } from '../file-tree.js';
import type { Owner } from './place-files.js';

const maxFileBytes = 4 * 1024 * 1024;

/**
 * Whom `--chown` means, by the passwd and group files of the image that is built; without a group the same word counts
 * for both.
 *
 * @throws {BuildError} in Docker's words
 */
export async function findChownOwner(image: FileTree, chown: string): Promise<Owner> {
  const parts = chown.split(':');
  const [user = '', group = user] = parts;
  if (parts.length > 2) throw failed(`invalid chown string format: ${chown}`);
  return {
    uid: await lookUp(image, 'etc/passwd', user, 'uid', 'user'),
    gid: await lookUp(image, 'etc/group', group, 'gid', 'group'),
  };
}

async function lookUp(image: FileTree, path: string, name: string, id: string, kind: string): Promise<number> {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const lines = ((await readSmallFile(image, path, maxFileBytes)) ?? '').split('\n').map((line) => line.split(':'));
  const number = lines.find(([known]) => known === name)?.[2];
  if (number === undefined || !/^\d{1,10}$/.test(number)) {
    throw failed(`can't find ${id} for ${kind} ${name}: no such ${kind}: ${name}`);
  }
  return Number(number);
}

function failed(reason: string): BuildError {
  return new BuildError(400, `unable to convert uid/gid chown string to host mapping: ${reason}`);
}
