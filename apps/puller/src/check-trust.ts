import { addPullEvents, type PullRow } from '@entrepot/database';
import { type Digest, parseReference, type Reference, repositoryName } from '@entrepot/oci';
import { RegistryError, RegistryLimitedError, type RequestContext } from '@entrepot/registry-client';
import { InvalidSignatureError, type TrustRule, verifyBundle, verifySimpleSigning } from '@entrepot/trust';
import { type FoundSignature, findSignatures } from './find-signatures.js';
import type { PullerParts } from './parts.js';

/** A manifest that may be signed. */
export interface SignableManifest {
  digest: Digest;
  bytes: Buffer;
}

/** What was signed once stays signed, as long as the policy is the same: for the life of this process. */
const maxRemembered = 10_000;
const verified = new WeakMap<TrustRule, Map<string, string>>();

/**
 * Holds what a pull is about to fetch against the policy. The signature of any of the manifests is enough, for each names
 * the next by digest. What it finds out is a line of the pull's timeline.
 *
 * @throws {ContentTrustError} the policy says `enforce` and there is no good signature
 * @throws {RegistryError} it cannot be asked for them, and the policy says `enforce`
 */
export async function checkTrust(
  parts: PullerParts,
  pull: PullRow,
  manifests: readonly SignableManifest[],
  context: RequestContext,
): Promise<void> {
  const reference = parseReference(pull.reference);
  const rule = parts.trust.find(reference);
  if (rule.mode === 'off') return;
  const tell = (line: string): Promise<void> => addPullEvents(parts.content.database.prisma, [pull.id], line);
  if (pull.skipsSignatures)
    return tell(`signatures are not looked at, as ${pull.caller ?? 'whoever asked'} has wished`);
  try {
    await tell(`signed by ${await findSigner(parts, reference, rule, manifests, context)}`);
  } catch (error) {
    if (rule.mode === 'enforce' || !isAboutTrust(error)) throw error;
    await tell(`warning: ${error.message}`);
  }
}

/** A registry that limits us is waited for, whatever the policy. */
function isAboutTrust(error: unknown): error is Error {
  return (
    error instanceof ContentTrustError || (error instanceof RegistryError && !(error instanceof RegistryLimitedError))
  );
}

async function findSigner(
  parts: PullerParts,
  reference: Reference,
  rule: TrustRule,
  manifests: readonly SignableManifest[],
  context: RequestContext,
): Promise<string> {
  const repository = repositoryName(reference);
  const reasons: string[] = [];
  for (const manifest of manifests) {
    const key = `${repository}@${manifest.digest}`;
    const known = verified.get(rule)?.get(key);
    if (known !== undefined) return known;
    for await (const found of findSignatures(parts.registry, repository, manifest.digest, context)) {
      const judged = judge(found, rule, { repository, manifest });
      if ('signer' in judged) {
        remember(rule, key, judged.signer);
        return judged.signer;
      }
      reasons.push(`${found.from}: ${judged.reason}`);
    }
  }
  throw new ContentTrustError(reference, manifests[0]?.digest as Digest, reasons);
}

function judge(
  found: FoundSignature,
  { keys }: TrustRule,
  { repository, manifest }: { repository: string; manifest: SignableManifest },
): { signer: string } | { reason: string } {
  try {
    switch (found.kind) {
      case 'broken':
        return { reason: found.reason };
      case 'simple':
        return { signer: verifySimpleSigning(found, keys, { digest: manifest.digest, repository }) };
      case 'bundle':
        return { signer: verifyBundle(found.bytes, keys, { digest: manifest.digest, manifest: manifest.bytes }) };
    }
  } catch (error) {
    if (error instanceof InvalidSignatureError) return { reason: error.message };
    throw error;
  }
}

function remember(rule: TrustRule, key: string, signer: string): void {
  const known = verified.get(rule) ?? new Map<string, string>();
  verified.set(rule, known);
  const [oldest] = known.keys();
  if (known.size >= maxRemembered && oldest !== undefined) known.delete(oldest);
  known.set(key, signer);
}

const maxReasons = 5;

/** The policy wants a signature, and there is none that is good. */
export class ContentTrustError extends Error {
  override readonly name = 'ContentTrustError';
  readonly code = 'UNTRUSTED_IMAGE' as const;
  readonly retryable = false;

  constructor(
    readonly reference: Reference,
    readonly digest: Digest,
    readonly reasons: readonly string[],
  ) {
    const more = reasons.length > maxReasons ? `; and ${reasons.length - maxReasons} more` : '';
    const why = reasons.length === 0 ? 'it has no signature' : `${reasons.slice(0, maxReasons).join('; ')}${more}`;
    super(`${repositoryName(reference)}@${digest} is not trusted: ${why}`);
  }
}
