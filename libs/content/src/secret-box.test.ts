import { randomBytes } from 'node:crypto';
import { createSecretBox } from './secret-box.js';

describe('the secret box', () => {
  const key = randomBytes(32);

  it('opens what it sealed, also in another process with the same key', () => {
    const sealed = createSecretBox(key).seal('{"password":"ünïcode"}');
    expect(createSecretBox(key).open(new Uint8Array(sealed))).toBe('{"password":"ünïcode"}');
    expect(sealed.includes('password')).toBe(false);
  });

  it('seals the same text differently each time, and marks it the same', () => {
    const box = createSecretBox(key);
    expect(box.seal('a').equals(box.seal('a'))).toBe(false);
    expect(box.fingerprint('a')).toBe(createSecretBox(key).fingerprint('a'));
    expect(box.fingerprint('a')).not.toBe(box.fingerprint('b'));
    expect(box.fingerprint('a')).not.toBe(createSecretBox(randomBytes(32)).fingerprint('a'));
  });

  it.each([
    ['another key', (sealed: Buffer) => createSecretBox(randomBytes(32)).open(sealed)],
    ['a changed byte', (sealed: Buffer) => createSecretBox(key).open(sealed.fill(sealed[14] === 0 ? 1 : 0, 14, 15))],
    ['a cut end', (sealed: Buffer) => createSecretBox(key).open(sealed.subarray(0, -1))],
    ['nothing', () => createSecretBox(key).open(Buffer.alloc(0))],
  ])('refuses %s without saying more', (_what, open) => {
    const sealed = createSecretBox(key).seal('a secret');
    expect(() => open(sealed)).toThrow(expect.objectContaining({ code: 'SECRET_UNREADABLE' }));
  });
});
