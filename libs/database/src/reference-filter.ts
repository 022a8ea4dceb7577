// Docker's reference filter: a glob (Go's path.Match: `*` and `?` stop at a slash, `[a-z]`, `\`) that must match the
// familiar `name`, `name:tag` or `name@digest` as a whole. PostgreSQL gets it as a range over the prefix index, a LIKE
// that throws out nearly everything cheaply, and a regular expression that decides.
import { Prisma } from './generated/client.js';

/** One glob, taken apart for SQL. */
export interface ReferencePattern {
  /** What every match begins with, cut before a tag or digest. */
  prefix: string;
  /** No special character: `prefix` is the whole name. */
  isLiteral: boolean;
  /** The literal end, behind the last special character. */
  tail: string;
  like: string;
  regex: string;
}

/**
 * Reads a glob.
 *
 * @throws {InvalidPatternError} with Docker's text
 */
export function parseReferencePattern(glob: string): ReferencePattern {
  const parts = splitGlob(glob);
  const firstSpecial = parts.findIndex(({ literal }) => literal === null);
  const isLiteral = firstSpecial < 0;
  const head = parts.slice(0, isLiteral ? undefined : firstSpecial);
  const tail = parts.slice(parts.findLastIndex(({ literal }) => literal === null) + 1);
  const join = (some: GlobPart[]): string => some.map(({ literal }) => literal).join('');
  return {
    prefix: nameOf(join(head)),
    isLiteral,
    tail: join(tail),
    like: parts.map(({ like }) => like).join(''),
    regex: `^${parts.map(({ regex }) => regex).join('')}$`,
  };
}

/** The condition for the tag `t` of repository `r`; `names` and `texts` see to it that the planner can use an index each. */
export function matchesTag(pattern: ReferencePattern): { names: Prisma.Sql; texts: Prisma.Sql } {
  const tail = pattern.tail.slice(pattern.tail.lastIndexOf(':') + 1);
  // A tag has no colon and no slash, so of the literal end only what follows the last colon can belong to it.
  const tagEnd = pattern.tail.includes(':')
    ? Prisma.sql`t.name = ${tail}`
    : Prisma.sql`t.name like ${`%${escapeLike(tail)}`}`;
  const text = Prisma.sql`r.familiar || ':' || t.name`;
  const texts = tail.includes('/') ? Prisma.sql`false` : Prisma.sql`${tagEnd} and ${matches(text, pattern)}`;
  return { names: matchesName(pattern), texts: Prisma.sql`${inRange(pattern)} and ${texts}` };
}

/** The condition for the digest reference `d` of repository `r`. */
export function matchesDigest(pattern: ReferencePattern): { names: Prisma.Sql; texts: Prisma.Sql } {
  const text = Prisma.sql`r.familiar || '@' || d.manifest_digest`;
  const canEnd = /(^|[@:])[0-9a-f]*$/.test(pattern.tail);
  const texts = canEnd ? matches(text, pattern) : Prisma.sql`false`;
  return { names: matchesName(pattern), texts: Prisma.sql`${inRange(pattern)} and ${texts}` };
}

function matchesName(pattern: ReferencePattern): Prisma.Sql {
  const name = Prisma.sql`r.familiar`;
  return Prisma.sql`${inRange(pattern)} and ${matches(name, pattern)}`;
}

/** Names are ASCII, and `~` comes after every character that they have. */
function inRange({ prefix, isLiteral }: ReferencePattern): Prisma.Sql {
  if (prefix === '') return Prisma.sql`true`;
  if (isLiteral) return Prisma.sql`r.familiar = ${prefix}`;
  return Prisma.sql`r.familiar ~>=~ ${prefix} and r.familiar ~<~ ${`${prefix}~`}`;
}

function matches(text: Prisma.Sql, { like, regex }: ReferencePattern): Prisma.Sql {
  return Prisma.sql`(${text} like ${like} and ${text} ~ ${regex})`;
}

/** `host:5000/a/b:1` → `host:5000/a/b`: behind the last slash a name has neither `:` nor `@`. */
function nameOf(text: string): string {
  const slash = text.lastIndexOf('/') + 1;
  const end = text.slice(slash).search(/[:@]/);
  return end < 0 ? text : text.slice(0, slash + end);
}

interface GlobPart {
  /** Null for what matches more than one text. */
  literal: string | null;
  like: string;
  regex: string;
}

function splitGlob(glob: string): GlobPart[] {
  const parts: GlobPart[] = [];
  for (let i = 0; i < glob.length; ) {
    const [part, length] = readPart(glob.slice(i), glob);
    parts.push(part);
    i += length;
  }
  return parts;
}

function readPart(rest: string, glob: string): [part: GlobPart, length: number] {
  switch (rest[0]) {
    case '*':
      return [{ literal: null, like: '%', regex: '[^/]*' }, 1];
    case '?':
      return [{ literal: null, like: '_', regex: '[^/]' }, 1];
    case '[':
      return readClass(rest, glob);
    default:
      return readCharacter(rest, glob);
  }
}

function readCharacter(rest: string, glob: string): [part: GlobPart, length: number] {
  const escaped = rest[0] === '\\';
  const character = String.fromCodePoint(rest.codePointAt(escaped ? 1 : 0) ?? 0);
  if (escaped && rest.length === 1) throw new InvalidPatternError(glob);
  const part = { literal: character, like: escapeLike(character), regex: escapeRegex(character) };
  return [part, character.length + (escaped ? 1 : 0)];
}

/** `[a-z]`, `[^abc]`; a class must not be empty, and `]` and `-` stand for themselves only behind a backslash. */
function readClass(rest: string, glob: string): [part: GlobPart, length: number] {
  const match = /^\[(\^|(?!\^))((?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+)\]/su.exec(rest);
  if (!match) throw new InvalidPatternError(glob);
  const bounds = [...(match[2] as string).matchAll(/(\\.|[^\\])(?:-(\\.|[^\\]))?/gsu)].map(([, low = '', high = low]) =>
    [low, high].map((bound) => (bound.length > 1 && bound.startsWith('\\') ? bound.slice(1) : bound)),
  ) as [low: string, high: string][];
  // A range that runs backwards matches nothing with Go and is an error with PostgreSQL.
  const ranges = bounds.filter(([low, high]) => low <= high).map(([low, high]) => toClass(low, high));
  const positive = ranges.length === 0 ? '(?!)' : `(?:${ranges.join('|')})`;
  const regex = match[1] === '^' ? `(?:(?!${positive}).)` : positive;
  return [{ literal: null, like: '_', regex }, match[0].length];
}

function toClass(low: string, high: string): string {
  return `[${escapeRegex(low)}-${escapeRegex(high)}]`;
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

function escapeRegex(text: string): string {
  return text.replace(/[-.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A glob that cannot be read. The message is Docker's. */
export class InvalidPatternError extends Error {
  override readonly name = 'InvalidPatternError';
  readonly code = 'INVALID_PATTERN' as const;
  readonly retryable = false;

  constructor(readonly pattern: string) {
    super('syntax error in pattern');
  }
}
