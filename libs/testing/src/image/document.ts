import { type Descriptor, type Digest, descriptorJson, digestOf } from '@entrepot/oci';

/** A JSON document as a registry keeps it. */
export interface BuiltDocument {
  mediaType: string;
  bytes: Buffer;
  digest: Digest;
  descriptor: Descriptor;
}

/** Fixes the bytes of a document. */
export function buildDocument(mediaType: string, json: object): BuiltDocument {
  const bytes = Buffer.from(JSON.stringify(json));
  const digest = digestOf(bytes);
  return { mediaType, bytes, digest, descriptor: { mediaType, digest, sizeBytes: bytes.length } };
}

/** A descriptor in the form of the specification. */
export function describe(mediaType: string, bytes: Buffer): object {
  return descriptorJson({ mediaType, digest: digestOf(bytes), sizeBytes: bytes.length });
}
