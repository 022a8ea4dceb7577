// Digests become keys and paths, so nothing but a fully checked one may carry the type (CVE-2024-3727).
import { createHash } from 'node:crypto';
import { quoted } from './errors.js';

/** The algorithms that are accepted; others of the specification are refused. */
export type DigestAlgorithm = 'sha256' | 'sha512';

/** `sha256:` and 64 or `sha512:` and 128 lower-case hex digits. Only {@link parseDigest} and friends make one. */
export type Digest = `${DigestAlgorithm}:${string}`;

const hexLength: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };

/** @throws {InvalidDigestError} unknown algorithm, wrong length or anything but lower-case hex */
export function parseDigest(text: string): Digest {
  const problem = findProblem(text);
  if (problem !== null) throw new InvalidDigestError(text, problem);
  return text as Digest;
}

/** Whether `text` is a digest that {@link parseDigest} would take. */
export function isDigest(text: string): text is Digest {
  return findProblem(text) === null;
}

/** The digest of `bytes`, SHA-256 unless another algorithm is asked for. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** The part after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The first 12 hex digits, as Docker prints them. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}

/** The part before the colon. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The words are those of Docker's digest library, so that its messages can be built from them. */
function findProblem(text: string): string | null {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1) return 'invalid checksum digest format';
  const algorithm = text.slice(0, colon);
  const hex = text.slice(colon + 1);
  if (!Object.hasOwn(hexLength, algorithm))
    return /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*$/.test(algorithm) && /^[\w=-]+$/.test(hex)
      ? 'unsupported digest algorithm'
      : 'invalid checksum digest format';
  if (hex.length !== hexLength[algorithm as DigestAlgorithm]) return 'invalid checksum digest length';
  return /^[0-9a-f]+$/.test(hex) ? null : 'invalid checksum digest format';
}

/** Text that should have been a digest. */
export class InvalidDigestError extends Error {
  override readonly name = 'InvalidDigestError';
  readonly code = 'INVALID_DIGEST' as const;
  readonly retryable = false;

  constructor(
    readonly text: string,
    readonly reason: string,
  ) {
    super(`${reason}: ${quoted(text)}`);
  }
}
