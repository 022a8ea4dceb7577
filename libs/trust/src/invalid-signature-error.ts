/** A signature that is none: by another key, of something else, or no signature at all. */
export class InvalidSignatureError extends Error {
  override readonly name = 'InvalidSignatureError';
  readonly code = 'SIGNATURE_INVALID' as const;
  readonly retryable = false;
}
