// AES-256-GCM: a nonce of 12 random bytes, the ciphertext, a tag of 16. The fingerprint is an HMAC under another key
// made from the same secret, so that equal credentials can be found equal without being opened.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

/** Keeps the credentials that come with a pull while it runs. */
export interface SecretBox {
  seal(text: string): Buffer;
  /** @throws {SecretBoxError} sealed with another key, or changed */
  open(sealed: Uint8Array): string;
  /** The same for the same text and key, and nothing else can be told from it. */
  fingerprint(text: string): string;
}

/** `key` is the 32 bytes of ENTREPOT_SECRET_KEY. */
export function createSecretBox(key: Buffer): SecretBox {
  const sealing = derive(key, 'entrepot seal');
  const marking = derive(key, 'entrepot fingerprint');
  return {
    seal: (text) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce);
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
    },
    open: (sealed) => openSealed(sealing, Buffer.from(sealed)),
    fingerprint: (text) => createHmac('sha256', marking).update(text).digest('hex').slice(0, 32),
  };
}

function openSealed(key: Buffer, sealed: Buffer): string {
  if (sealed.length < nonceBytes + tagBytes) throw new SecretBoxError();
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    const body = sealed.subarray(nonceBytes, sealed.length - tagBytes);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    throw new SecretBoxError();
  }
}

function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), purpose, 32));
}

/** A stored credential cannot be opened: the secret key was changed, or the bytes were. */
export class SecretBoxError extends Error {
  override readonly name = 'SecretBoxError';
  readonly code = 'SECRET_UNREADABLE' as const;
  readonly retryable = false;

  constructor() {
    super('a stored credential cannot be opened with this secret key');
  }
}
