import { generateKeyPairSync } from 'node:crypto';
import { parseReference } from '@entrepot/oci';
import { type TrustMode, TrustPolicy } from './policy.js';

describe('a trust policy', () => {
  const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const policy = (...rules: [pattern: string, mode: TrustMode][]) =>
    new TrustPolicy({
      default: 'warn',
      rules: rules.map(([pattern, mode]) => ({ pattern, mode, keys: [{ name: 'key', pem }] })),
    });

  it.each([
    ['registry.test/prod/**', 'registry.test/prod/a/b:1', true],
    ['registry.test/prod/**', 'registry.test/production/a', false],
    ['registry.test/prod/*', 'registry.test/prod/a/b', false],
    ['registry.test:*/prod/*', 'registry.test:5000/prod/a', true],
    ['redis', 'redis:7', true],
    ['docker.io/library/*', 'redis', true],
    ['redis', 'bitnami/redis', false],
    ['r.dis', 'redis', false],
    ['redis:7*', 'redis:7.2', true],
    ['redis:7*', 'redis:8', false],
    ['**', 'quay.io/any/thing', true],
  ])('matches %s with %s: %p', (pattern, reference, matches) => {
    const rule = policy([pattern, 'enforce']).find(parseReference(reference));
    expect(rule.mode).toBe(matches ? 'enforce' : 'warn');
  });

  it('takes the first rule that matches, and the default when none does', () => {
    const both = policy(['a/free', 'off'], ['a/**', 'enforce']);
    expect(both.find(parseReference('a/free')).mode).toBe('off');
    expect(both.find(parseReference('a/other')).mode).toBe('enforce');
    expect(both.find(parseReference('b/c'))).toMatchObject({ mode: 'warn', keys: [] });
  });

  it('lets nobody around a rule about tags by a digest, and nobody in by one', () => {
    const byDigest = parseReference(`redis@sha256:${'a'.repeat(64)}`);
    expect(policy(['redis:7', 'enforce']).find(byDigest).mode).toBe('enforce');
    expect(policy(['redis:7', 'off']).find(byDigest).mode).toBe('warn');
  });
});
