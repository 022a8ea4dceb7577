import { InvalidPatternError } from './reference-filter.js';

/** What paths are looked for: one, or those that a glob matches. */
export type PathPattern =
  | { kind: 'path'; path: string }
  /** A glob without a slash is about the last part of a path. */
  | { kind: 'name'; nameLike: string; regex: string }
  | { kind: 'glob'; prefix: string; nameLike: string; regex: string };

const maxPrefix = 400;

/** One path, without a slash at its ends. */
export function exactPath(path: string): PathPattern {
  return { kind: 'path', path: trimmed(path) };
}

/** `*` and `?` stop at a slash, `**` does not, `[a-z]` is a class, a backslash makes the next character literal. @throws {InvalidPatternError} */
export function parsePathGlob(glob: string): PathPattern {
  const isPath = glob.includes('/');
  const parts = [...(isPath ? trimmed(glob) : glob).matchAll(/\\(.)|(\*\*\/?|\*|\?)|\[(!|\^)?([^\]/]+)\]|(.)/gsu)];
  const pieces = parts.map(([, escaped, wild, not, set, plain]) => {
    if (wild !== undefined) return { literal: null, ...wildcards[wild] };
    if (set !== undefined) {
      return { literal: null, like: '_', regex: `[${not ? '^/' : ''}${classOf(set, glob)}]` };
    }
    const literal = escaped ?? plain ?? '';
    return { literal, like: escapeLike(literal), regex: literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') };
  });
  const regex = `^${pieces.map((piece) => piece.regex).join('')}$`;
  if (!isPath) return { kind: 'name', nameLike: pieces.map(({ like }) => like).join(''), regex };
  const firstWild = pieces.findIndex(({ literal }) => literal === null);
  const prefix = pieces.slice(0, firstWild === -1 ? undefined : firstWild).map(({ literal }) => literal);
  return { kind: 'glob', prefix: prefix.join('').slice(0, maxPrefix), nameLike: lastPart(pieces), regex };
}

/** The inside of a class in PostgreSQL's words, to whom a range that goes backwards or shares an end is an error. */
function classOf(set: string, glob: string): string {
  const chars = [...set];
  const escaped = (char: string | undefined): string => (char ?? '').replace(/[\\[\]^-]/, '\\$&');
  let text = '';
  for (let at = 0; at < chars.length; at++) {
    const [low = '', dash, high] = chars.slice(at, at + 3);
    text += escaped(low);
    if (dash !== '-' || high === undefined) continue;
    if ((low.codePointAt(0) ?? 0) > (high.codePointAt(0) ?? 0)) throw new InvalidPatternError(glob);
    text += `-${escaped(high)}`;
    at += 2;
  }
  return text;
}

const wildcards: Readonly<Record<string, { like: string; regex: string }>> = {
  '*': { like: '%', regex: '[^/]*' },
  '?': { like: '_', regex: '[^/]' },
  '**': { like: '%', regex: '.*' },
  '**/': { like: '%', regex: '(?:.*/)?' },
};

/** What the last part of the path must look like; after `**` it may begin anywhere. */
function lastPart(pieces: readonly { literal: string | null; like?: string; regex?: string }[]): string {
  const slash = pieces.findLastIndex(({ literal, regex }) => literal === '/' || regex?.includes('.*'));
  const open = pieces[slash]?.literal === '/' || slash === -1 ? '' : '%';
  return (
    open +
    pieces
      .slice(slash + 1)
      .map(({ like }) => like)
      .join('')
  );
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\/{2,}/g, '/');
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
