import type { ContentContext } from '@entrepot/content';
import type { OpenContainer } from './container-trees.js';
import { ContentReader, sourceOf } from './content-reader.js';
import { ContainerPathError } from './errors.js';

const maxFileBytes = 1024 * 1024;

/**
 * Whom the user of a container is, by its own passwd and group files; undefined when it names none.
 *
 * @throws {ContainerPathError} a name that these do not have
 */
export async function findOwner(
  content: ContentContext,
  opened: OpenContainer,
): Promise<{ uid: number; gid: number } | undefined> {
  const text = String(opened.container.config.User ?? '');
  if (text === '') return undefined;
  const [user = '', group] = text.split(':', 2);
  const known = await lookUp(content, opened, 'etc/passwd', user);
  const uid = isNumber(user) ? Number(user) : Number(known?.[2] ?? unknown(user, 'passwd'));
  if (group === undefined) return { uid, gid: Number(known?.[3] ?? 0) };
  if (isNumber(group)) return { uid, gid: Number(group) };
  const named = await lookUp(content, opened, 'etc/group', group);
  return { uid, gid: Number(named?.[2] ?? unknown(group, 'group')) };
}

/** The fields of the line that begins with a name, or has it as its number. */
async function lookUp(
  content: ContentContext,
  opened: OpenContainer,
  path: string,
  name: string,
): Promise<string[] | undefined> {
  const lines = (await readSmallFile(content, opened, path)).split('\n').map((line) => line.split(':'));
  return lines.find(([first]) => first === name) ?? lines.find(([, , number]) => isNumber(name) && number === name);
}

async function readSmallFile(content: ContentContext, opened: OpenContainer, path: string): Promise<string> {
  const file = opened.tree.find(opened.tree.resolve(path));
  const source = file && file.sizeBytes <= maxFileBytes ? sourceOf(opened, file) : null;
  if (source === null) return '';
  const reader = new ContentReader(content, opened);
  reader.announce(source);
  await reader.prepare([source]);
  const chunks: Buffer[] = [];
  for await (const chunk of reader.read(source)) chunks.push(chunk);
  await reader.close();
  return Buffer.concat(chunks).toString();
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text);

function unknown(name: string, file: string): never {
  throw new ContainerPathError(500, `unable to find ${name} in /etc/${file} of the container`);
}
