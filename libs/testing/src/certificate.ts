// As much of X.509 (RFC 5280) in DER as one self-signed certificate needs. Node can read certificates, not make them.
import { generateKeyPairSync, sign } from 'node:crypto';

/** A certificate that is its own authority, in PEM. */
export interface TestCertificate {
  certificate: string;
  key: string;
}

/** Makes a certificate for `localhost` and 127.0.0.1, valid for some years around now. */
export function makeCertificate(): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const signature = sequence(ecdsaWithSha256);
  const name = sequence(set(sequence(objectId('550403'), utf8('localhost'))));
  const subjectAltNames = sequence(
    contextual(0x82, Buffer.from('localhost')),
    contextual(0x87, Buffer.from([127, 0, 0, 1])),
  );
  const extensions = sequence(
    sequence(objectId('551d11'), octets(subjectAltNames)),
    sequence(objectId('551d13'), octets(sequence(Buffer.from('0101ff', 'hex')))),
  );
  const body = sequence(
    contextual(0xa0, Buffer.from('020102', 'hex')),
    Buffer.from('020101', 'hex'),
    signature,
    name,
    sequence(utcTime('240101000000Z'), utcTime('480101000000Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    contextual(0xa3, extensions),
  );
  const signed = Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]);
  return {
    certificate: pem('CERTIFICATE', sequence(body, signature, element(0x03, signed))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const ecdsaWithSha256 = objectId('2a8648ce3d040302');

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const lengthBytes = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

function set(part: Buffer): Buffer {
  return element(0x31, part);
}

function objectId(hex: string): Buffer {
  return element(0x06, Buffer.from(hex, 'hex'));
}

function utf8(text: string): Buffer {
  return element(0x0c, Buffer.from(text));
}

function octets(content: Buffer): Buffer {
  return element(0x04, content);
}

function utcTime(text: string): Buffer {
  return element(0x17, Buffer.from(text));
}

function contextual(tag: number, content: Buffer): Buffer {
  return element(tag, content);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
