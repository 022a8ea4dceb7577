// Grammar and texts of github.com/distribution/reference, which Docker prints unchanged. The text is cut at its
// separators first and each piece matched alone, so no pattern sees enough of a hostile text to backtrack.
import { type Digest, InvalidDigestError, parseDigest } from './digest.js';

/** The normalised name of an image: domain and `library/` are filled in, tag and digest only when given. */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultDomain = 'docker.io';
const officialPrefix = 'library/';
const maxPathLength = 255;
const maxDomainLength = 255;
const malformed = 'invalid reference format';

/**
 * Reads a reference as users type it: `redis`, `redis:7`, `host:5000/a/b@sha256:…`.
 *
 * @throws {InvalidReferenceError} with Docker's text
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw new InvalidReferenceError(
      text,
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    );
  }
  const { domain, remainder } = splitDomain(text);
  const [name = ''] = remainder.split(':', 1);
  if (name !== name.toLowerCase()) {
    throw new InvalidReferenceError(text, `${malformed}: repository name (${name}) must be lowercase`);
  }
  const pieces = splitRemainder(remainder);
  if (!isWellFormed(domain, pieces)) throw new InvalidReferenceError(text, explain(domain, remainder));
  if (pieces.path.length > maxPathLength) {
    throw new InvalidReferenceError(text, `repository name must not be more than ${maxPathLength} characters`);
  }
  return withPieces(domain, pieces, text);
}

/** Adds `latest` when there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** The full name without tag and digest: `docker.io/library/redis`. */
export function repositoryName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/**
 * The reverse of {@link repositoryName}.
 *
 * @throws {InvalidReferenceError} not a full repository name, or with a tag or digest
 */
export function parseRepository(name: string): Reference {
  const reference = parseReference(name);
  if (repositoryName(reference) !== name) throw new InvalidReferenceError(name, 'repository name must be canonical');
  return reference;
}

/** The full form with whatever tag and digest there are: `docker.io/library/redis:7@sha256:…`. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** A full repository name as Docker prints it: without `docker.io/`, and without `library/` before a single word. */
export function familiarRepository(repositoryName: string): string {
  if (!repositoryName.startsWith(`${defaultDomain}/`)) return repositoryName;
  const path = repositoryName.slice(defaultDomain.length + 1);
  const word = path.startsWith(officialPrefix) ? path.slice(officialPrefix.length) : path;
  return word.includes('/') ? path : word;
}

/** The reference as Docker prints it: `redis:7`, `redis@sha256:…`. */
export function familiarReference(reference: Reference): string {
  return familiarRepository(repositoryName(reference)) + suffix(reference);
}

/** Why nothing new may have this name, in Docker's words: with a tag it looks like an image's id. Null when it may. */
export function ambiguousName(reference: Reference): string | null {
  if (repositoryName(reference) !== 'docker.io/library/sha256') return null;
  return 'refusing to create an ambiguous tag using digest algorithm as name';
}

/** Whether `text` can be a tag. */
export function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

/** Whether the first segment is a domain is told by its look alone: `localhost`, a dot, a colon or an upper-case letter. */
function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  const named = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !named || first === 'index.docker.io' ? defaultDomain : first;
  const remainder = named ? text.slice(slash + 1) : text;
  const official = domain === defaultDomain && !remainder.includes('/');
  return { domain, remainder: official ? officialPrefix + remainder : remainder };
}

interface Pieces {
  path: string;
  tag?: string;
  digest?: string;
}

function splitRemainder(remainder: string): Pieces {
  const [name, digest] = cut(remainder, '@');
  const [path, tag] = cut(name, ':');
  return { path, tag, digest };
}

function cut(text: string, separator: string): [before: string, after?: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function isWellFormed(domain: string, { path, tag, digest }: Pieces): boolean {
  return (
    isDomain(domain) &&
    path.split('/').every((component) => /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/.test(component)) &&
    (tag === undefined || isTag(tag)) &&
    (digest === undefined || /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/.test(digest))
  );
}

/** Stricter than Docker in one point: what no URL can hold (port 70000, `[:::]`) fails here and not when connecting. */
function isDomain(text: string): boolean {
  const [, host = ''] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::\d+)?$/.exec(text) ?? [];
  if (host === '' || text.length > maxDomainLength || !URL.canParse(`http://${text}/`)) return false;
  return (
    host.startsWith('[') || host.split('.').every((label) => /^[A-Za-z0-9-]+$/.test(label) && !/^-|-$/.test(label))
  );
}

/** `A_B/c` is no domain and a path, were it not for its upper-case letters: Docker has words of its own for that. */
function explain(domain: string, remainder: string): string {
  const lowered = splitRemainder(`${domain}/${remainder}`.toLowerCase());
  const shouts = domain !== domain.toLowerCase() && isWellFormed(defaultDomain, lowered);
  return shouts ? 'repository name must be lowercase' : malformed;
}

function withPieces(domain: string, { path, tag, digest }: Pieces, text: string): Reference {
  const named = tag === undefined ? { domain, path } : { domain, path, tag };
  if (digest === undefined) return named;
  try {
    return { ...named, digest: parseDigest(digest) };
  } catch (error) {
    throw error instanceof InvalidDigestError ? new InvalidReferenceError(text, error.reason) : error;
  }
}

/** Text that should have been a reference. The message is Docker's and goes to the client as it is. */
export class InvalidReferenceError extends Error {
  override readonly name = 'InvalidReferenceError';
  readonly code = 'INVALID_REFERENCE' as const;
  readonly retryable = false;

  constructor(
    readonly reference: string,
    message: string,
  ) {
    super(message);
  }
}
