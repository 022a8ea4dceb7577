/** `redis:7` → its two halves; a colon before a slash belongs to the host. */
export function splitTag(name: string): { repository: string; tag: string } {
  const at = name.lastIndexOf(':');
  return at > name.lastIndexOf('/')
    ? { repository: name.slice(0, at), tag: name.slice(at + 1) }
    : { repository: name, tag: '' };
}

/** `redis@sha256:…` → its two halves. */
export function splitDigest(name: string): { repository: string; digest: string } {
  const at = name.indexOf('@');
  return { repository: name.slice(0, at), digest: name.slice(at + 1) };
}

/** The twelve digits by which people know an id. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** Cut to `length` characters, the last of them `…`. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
