import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from './config-error.js';
import { loadConfig } from './load-config.js';

describe('the trust policy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'entrepot-trust-'));
  const path = join(folder, 'trust.yaml');
  afterAll(() => rmSync(folder, { recursive: true }));

  const pemOf = (kind: 'p256' | 'p384' | 'ed25519' | 'rsa'): string => {
    const { publicKey } =
      kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : kind === 'ed25519'
          ? generateKeyPairSync('ed25519')
          : generateKeyPairSync('ec', { namedCurve: kind === 'p256' ? 'prime256v1' : 'secp384r1' });
    return publicKey.export({ type: 'spki', format: 'pem' }).toString();
  };
  const load = (policy: unknown) => {
    writeFileSync(path, typeof policy === 'string' ? policy : JSON.stringify(policy));
    return loadConfig({ ENTREPOT_TRUST_POLICY: path }).trustPolicy;
  };
  const issues = (policy: unknown): string[] => {
    try {
      load(policy);
    } catch (error) {
      if (error instanceof ConfigError) return error.issues.map(({ name, expected }) => `${name} ${expected}`);
      throw error;
    }
    throw new Error('nothing was wrong');
  };
  const named = (field: string, expected: string): string => `ENTREPOT_TRUST_POLICY (${path}): ${field} ${expected}`;
  const badKey = 'expected a public key in PEM, ECDSA P-256 or Ed25519, as text or as a file that can be read';

  it('asks for nothing when there is none', () => {
    expect(loadConfig({}).trustPolicy).toEqual({ default: 'off', rules: [] });
  });

  it('has rules with keys, as text or as files beside it', () => {
    const [text, file] = [pemOf('p256'), pemOf('ed25519')];
    writeFileSync(join(folder, 'ci.pub'), file);
    const keys = { release: text, ci: 'ci.pub' };
    const rules = [
      { pattern: 'registry.test:5000/prod/**', mode: 'enforce', keys: ['release', 'ci'], artifacts: true },
      { pattern: 'redis:7*', mode: 'off' },
    ];
    const all = [
      { name: 'release', pem: text },
      { name: 'ci', pem: file },
    ];
    expect(load({ default: 'warn', keys, rules })).toEqual({
      default: 'warn',
      rules: [
        { ...rules[0], keys: all, artifacts: true },
        { ...rules[1], keys: [], artifacts: false },
      ],
    });
  });

  it.each(['p384', 'rsa'] as const)('names a key of a kind that is not checked with: %s', (kind) => {
    const rules = [{ pattern: '**', mode: 'enforce', keys: ['odd'] }];
    expect(issues({ keys: { odd: pemOf(kind) }, rules })).toEqual([named('keys.odd', badKey)]);
  });

  it('names a key that is broken, missing, private or not there', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const broken = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n';
    for (const key of [broken, 'nowhere.pub', secret]) {
      expect(issues({ keys: { it: key }, rules: [] })).toEqual([named('keys.it', badKey)]);
    }
    const rules = [{ pattern: '**', mode: 'warn', keys: ['other'] }];
    expect(issues({ rules })).toEqual([named('rules.0.keys', 'there is no key other')]);
  });

  it.each(['', '[a', 'a b', 'UPPER/Case@x', '***', 'a/', '/a', 'host:x/a', `${'a'.repeat(600)}`])(
    'names the broken pattern %p',
    (pattern) => {
      expect(issues({ rules: [{ pattern, mode: 'off' }] })[0]).toContain('rules.0.pattern');
    },
  );

  it('names what is missing or unknown', () => {
    const unkeyed = issues({ rules: [{ pattern: 'a/**', mode: 'enforce' }] });
    expect(unkeyed).toEqual([named('rules.0.keys', 'expected a key, for a/** is to be checked')]);
    expect(issues({ rules: [{ pattern: 'a', mode: 'on' }] })).toEqual([
      named('rules.0.mode', 'expected enforce, warn or off'),
    ]);
    expect(issues({ rules: [], extra: 1 })).toEqual([named('extra', 'is not a setting')]);
    expect(issues('rules: [')[0]).toContain('expected YAML or JSON, see line');
  });
});
