import type { KeyObject } from 'node:crypto';
import type { Reference } from '@entrepot/oci';
import { crypto } from '@sigstore/core';
import { compilePattern, matchesPattern, type ReferencePattern } from './pattern.js';

/** What an image without a good signature is: refused, pulled with a warning, or not asked for one. */
export type TrustMode = 'enforce' | 'warn' | 'off';

/** A policy as it was configured and checked. */
export interface TrustPolicyRules {
  default: TrustMode;
  rules: readonly {
    pattern: string;
    mode: TrustMode;
    keys: readonly { name: string; pem: string }[];
    artifacts?: boolean;
  }[];
}

/** A public key and what the policy calls it. */
export interface TrustKey {
  name: string;
  key: KeyObject;
}

/** What the policy says of a reference. */
export interface TrustRule {
  pattern: string;
  mode: TrustMode;
  keys: readonly TrustKey[];
  /** What refers to an image is pulled with it. */
  artifacts: boolean;
}

/** Which signatures images must have. */
export class TrustPolicy {
  readonly #rules: readonly { pattern: ReferencePattern; rule: TrustRule }[];
  readonly #default: TrustRule;

  constructor(policy: TrustPolicyRules = { default: 'off', rules: [] }) {
    this.#rules = policy.rules.map(({ pattern, mode, keys, artifacts = false }) => ({
      pattern: compilePattern(pattern),
      rule: {
        pattern,
        mode,
        artifacts,
        keys: keys.map(({ name, pem }) => ({ name, key: crypto.createPublicKey(pem) })),
      },
    }));
    this.#default = { pattern: 'default', mode: policy.default, keys: [], artifacts: false };
  }

  /** The first rule that matches, or the default, which has no keys. */
  find(reference: Reference): TrustRule {
    const found = this.#rules.find(({ pattern, rule }) => matchesPattern(pattern, reference, rule.mode === 'enforce'));
    return found?.rule ?? this.#default;
  }
}
