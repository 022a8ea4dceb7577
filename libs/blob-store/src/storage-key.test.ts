import { digestOf } from '@entrepot/oci';
import { checkStorageKey, newStorageKey } from './storage-key.js';

describe('newStorageKey', () => {
  const digest = digestOf(Buffer.from('hello'));
  const hex = digest.slice('sha256:'.length);

  it('files a blob under its digest, and the upload below that', () => {
    expect(newStorageKey(digest)).toMatch(new RegExp(`^sha256/${hex.slice(0, 2)}/${hex}/[0-9a-f-]{36}$`));
  });

  it('parks bytes whose digest is not known yet', () => {
    expect(newStorageKey()).toMatch(/^parked\/[0-9a-f-]{36}$/);
  });

  it('never gives the same key twice', () => {
    expect(newStorageKey(digest)).not.toBe(newStorageKey(digest));
  });

  it('gives keys that adapters take, sha512 included', () => {
    checkStorageKey(newStorageKey(digest));
    checkStorageKey(newStorageKey());
    checkStorageKey(newStorageKey(`sha512:${'0'.repeat(128)}`));
  });
});
