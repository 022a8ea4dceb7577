import { crypto } from '@sigstore/core';
import { InvalidSignatureError } from './invalid-signature-error.js';
import type { TrustKey } from './policy.js';

/** The key that has signed these bytes. @throws {InvalidSignatureError} none of them has */
export function signerOf(bytes: Buffer, signature: Buffer, keys: readonly TrustKey[]): TrustKey {
  const signer = keys.find(({ key }) => {
    // Ed25519 hashes by itself, and refuses to be told how.
    const algorithm = key.asymmetricKeyType === 'ed25519' ? undefined : 'sha256';
    return crypto.verify(bytes, key, signature, algorithm);
  });
  if (signer) return signer;
  const names = keys.map(({ name }) => name).join(', ');
  throw new InvalidSignatureError(`it is not signed by ${names === '' ? 'any key: the policy names none' : names}`);
}
