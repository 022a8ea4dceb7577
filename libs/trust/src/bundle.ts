// https://github.com/sigstore/protobuf-specs (bundle) and https://github.com/secure-systems-lab/dsse (envelope).
import type { Digest } from '@entrepot/oci';
import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { z } from 'zod';
import { InvalidSignatureError } from './invalid-signature-error.js';
import type { TrustKey } from './policy.js';
import { signerOf } from './signed-bytes.js';

/** Says "this image", and nothing about how it was made: provenance is no signature. */
const cosignPredicate = 'https://sigstore.dev/cosign/sign/v1';
const inTotoType = 'application/vnd.in-toto+json';

const statementSchema = z.object({
  predicateType: z.string(),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })).max(1_000),
});

/**
 * Checks a Sigstore bundle that was signed by a key; returns the key's name.
 *
 * @throws {InvalidSignatureError} of another key or image, or malformed
 */
export function verifyBundle(
  bytes: Buffer,
  keys: readonly TrustKey[],
  image: { digest: Digest; manifest: Buffer },
): string {
  const { content } = parseBundle(bytes);
  if (content.$case === 'messageSignature') {
    return signerOf(image.manifest, content.messageSignature.signature, keys).name;
  }
  const { payloadType, payload, signatures } = content.dsseEnvelope;
  const [signature] = signatures;
  if (signature === undefined) throw new InvalidSignatureError('the bundle has no signature');
  const signer = signerOf(dsse.preAuthEncoding(payloadType, payload), signature.sig, keys);
  if (payloadType !== inTotoType) throw new InvalidSignatureError('what is signed is no statement');
  checkStatement(payload, image.digest);
  return signer.name;
}

function parseBundle(bytes: Buffer): Bundle {
  try {
    return bundleFromJSON(JSON.parse(bytes.toString()));
  } catch {
    throw new InvalidSignatureError('the bundle cannot be read');
  }
}

function checkStatement(payload: Buffer, digest: Digest): void {
  const { predicateType, subject } = parseStatement(payload);
  if (predicateType !== cosignPredicate) throw new InvalidSignatureError('what is signed is no signature of an image');
  const [algorithm = '', hex = ''] = digest.split(':');
  if (!subject.some((one) => one.digest[algorithm] === hex)) throw new InvalidSignatureError('it signs another image');
}

function parseStatement(payload: Buffer): z.infer<typeof statementSchema> {
  try {
    return statementSchema.parse(JSON.parse(payload.toString()));
  } catch {
    throw new InvalidSignatureError('what is signed is no statement');
  }
}
