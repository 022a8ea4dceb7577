// What cosign signs: https://github.com/containers/image/blob/main/docs/containers-signature.5.md, as JSON in a layer.
import { type Digest, parseReference, repositoryName } from '@entrepot/oci';
import { z } from 'zod';
import { InvalidSignatureError } from './invalid-signature-error.js';
import type { TrustKey } from './policy.js';
import { signerOf } from './signed-bytes.js';

const payloadSchema = z.object({
  critical: z.object({
    type: z.literal(['cosign container image signature', 'atomic container signature']),
    identity: z.object({ 'docker-reference': z.string() }),
    image: z.object({ 'docker-manifest-digest': z.string() }),
  }),
});

/** What a signature must be of. */
export interface SignedImage {
  digest: Digest;
  /** The full name without tag and digest. */
  repository: string;
}

/**
 * Checks one signature of cosign; returns the name of its key.
 *
 * @throws {InvalidSignatureError} of another key, image or repository, or malformed
 */
export function verifySimpleSigning(
  { payload, signature }: { payload: Buffer; signature: string },
  keys: readonly TrustKey[],
  image: SignedImage,
): string {
  if (!/^[A-Za-z0-9+/]{16,1024}={0,2}$/.test(signature)) throw new InvalidSignatureError('the signature is not base64');
  const signer = signerOf(payload, Buffer.from(signature, 'base64'), keys);
  const { identity, image: signed } = parsePayload(payload);
  const digest = signed['docker-manifest-digest'];
  if (digest !== image.digest) throw new InvalidSignatureError(`it signs ${digest}`);
  const named = repositoryOf(identity['docker-reference']);
  if (named !== image.repository) throw new InvalidSignatureError(`it was made for ${named}, not ${image.repository}`);
  return signer.name;
}

function parsePayload(payload: Buffer): z.infer<typeof payloadSchema>['critical'] {
  try {
    return payloadSchema.parse(JSON.parse(payload.toString())).critical;
  } catch {
    throw new InvalidSignatureError('what is signed is no statement about an image');
  }
}

/** cosign writes `index.docker.io/library/redis`, other tools add a tag. */
function repositoryOf(text: string): string {
  try {
    return repositoryName(parseReference(text));
  } catch {
    throw new InvalidSignatureError('what is signed names no repository');
  }
}
