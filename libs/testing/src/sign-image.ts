import { type KeyObject, sign } from 'node:crypto';
import { type Digest, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import { buildDocument, describe } from './image/document.js';
import type { UploadableImage } from './upstream-registry.js';

/** How cosign signs an image; everything may be a lie. */
export interface SignatureRecipe {
  key: KeyObject;
  digest: Digest;
  /** `docker-reference`, without a tag as a rule. */
  reference: string;
  /** Makes the manifest a referrer of this one. */
  subject?: { mediaType: string; digest: Digest; sizeBytes: number };
  /** Instead of the payload, after it was signed. */
  payload?: Buffer;
  /** Instead of the signature. */
  signature?: string;
}

/** What cosign stores beside an image: to be put under `sha256-….sig`, or found as a referrer. */
export function signImage(recipe: SignatureRecipe): UploadableImage {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': recipe.reference },
        image: { 'docker-manifest-digest': recipe.digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  const signature = recipe.signature ?? signed(payload, recipe.key).toString('base64');
  const layer = describe('application/vnd.dev.cosign.simplesigning.v1+json', recipe.payload ?? payload);
  const annotations = { 'dev.cosignproject.cosign/signature': signature };
  return artifact(recipe.payload ?? payload, { ...layer, annotations }, recipe.subject, undefined);
}

/** A Sigstore bundle as a referrer: a statement of cosign about the image, in a signed envelope. */
export function signBundle(recipe: {
  key: KeyObject;
  subject: { mediaType: string; digest: Digest; sizeBytes: number };
  predicateType?: string;
  /** What the statement says it is about; default the subject. */
  digest?: Digest;
}): UploadableImage {
  const { subject, digest = subject.digest, predicateType = 'https://sigstore.dev/cosign/sign/v1' } = recipe;
  const payloadType = 'application/vnd.in-toto+json';
  const about = { name: '', digest: { sha256: digest.replace('sha256:', '') } };
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject: [about], predicateType, predicate: {} };
  const payload = Buffer.from(JSON.stringify(statement));
  const encoded = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload}`);
  const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const bundle = Buffer.from(
    JSON.stringify({
      mediaType,
      verificationMaterial: { publicKey: { hint: 'key' }, tlogEntries: [] },
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType,
        signatures: [{ sig: signed(encoded, recipe.key).toString('base64'), keyid: '' }],
      },
    }),
  );
  return artifact(bundle, describe(mediaType, bundle), subject, mediaType);
}

/** What cosign attaches under a tag: an attestation (`.att`) or an SBOM (`.sbom`). */
export function attachment(content: string, mediaType: string): UploadableImage {
  const bytes = Buffer.from(content);
  return artifact(bytes, describe(mediaType, bytes), undefined, undefined);
}

function signed(bytes: Buffer, key: KeyObject): Buffer {
  return sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', bytes, key);
}

function artifact(
  content: Buffer,
  layer: object,
  subject: SignatureRecipe['subject'],
  artifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json',
): UploadableImage {
  const config = Buffer.from('{}');
  const manifest = buildDocument(MEDIA_TYPES.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType,
    // What it keeps under a tag has the config type of an image, and only its layer tells what it is.
    config: describe(subject === undefined ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.ociEmpty, config),
    layers: [layer],
    subject: subject && { mediaType: subject.mediaType, digest: subject.digest, size: subject.sizeBytes },
  });
  const blobs = [config, content].map((bytes) => ({ digest: digestOf(bytes), bytes }));
  return { ...manifest, manifests: [], blobs };
}
