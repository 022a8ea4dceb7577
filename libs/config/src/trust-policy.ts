import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ConfigIssue } from './config-error.js';

/** What the file of ENTREPOT_TRUST_POLICY says: which images must be signed, and by whom. */
export interface TrustPolicyConfig {
  /** For what no rule matches. */
  default: 'enforce' | 'warn' | 'off';
  /** The first that matches counts. */
  rules: {
    pattern: string;
    mode: 'enforce' | 'warn' | 'off';
    keys: { name: string; pem: string }[];
    /** Signatures, attestations and SBOMs are pulled with the image. */
    artifacts: boolean;
  }[];
}

const maxFileBytes = 1024 * 1024;
const noPolicy: TrustPolicyConfig = { default: 'off', rules: [] };
const modes = ['enforce', 'warn', 'off'] as const;

const mode = z.enum(modes, 'expected enforce, warn or off');
const text = z.string('expected a text').min(1, 'expected a text').max(16_384, 'expected a shorter text');
const fileSchema = z.strictObject(
  {
    default: mode.default('off'),
    keys: z.record(z.string(), text, 'expected names with public keys').default({}),
    rules: z
      .array(
        z.strictObject({
          pattern: text.refine(isPattern, 'expected a pattern of references, like registry.example.com/team/**'),
          mode,
          keys: z.array(text, 'expected a list of names of keys').max(100, 'expected at most 100').default([]),
          artifacts: z.boolean('expected true or false').default(false),
        }),
        'expected a list',
      )
      .max(1_000, 'expected at most 1000'),
  },
  'expected `rules:` with a list below it',
);

/** Reads the policy; nothing must be signed when no file is named. Never throws. */
export function readTrustPolicy(path: string | undefined): { policy: TrustPolicyConfig; issues: ConfigIssue[] } {
  if (path === undefined) return { policy: noPolicy, issues: [] };
  const broken = (issues: ConfigIssue[]) => ({ policy: noPolicy, issues });
  let document: unknown;
  try {
    const content = readFileSync(path, 'utf8');
    if (content.length > maxFileBytes) return broken([issueOf(path, '', 'expected less than 1 MiB')]);
    document = parse(content, { maxAliasCount: 0, logLevel: 'error' });
  } catch (error) {
    return broken([issueOf(path, '', whyUnreadable(error))]);
  }
  const parsed = fileSchema.safeParse(document);
  if (!parsed.success) return broken(parsed.error.issues.flatMap((issue) => toIssues(path, issue)));
  return resolveKeys(path, parsed.data);
}

function resolveKeys(
  path: string,
  file: z.infer<typeof fileSchema>,
): { policy: TrustPolicyConfig; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  const pems = new Map<string, string>();
  for (const [name, keyOrFile] of Object.entries(file.keys)) {
    const pem = readKey(path, keyOrFile);
    if (pem === null) {
      const expected = 'expected a public key in PEM, ECDSA P-256 or Ed25519, as text or as a file that can be read';
      issues.push(issueOf(path, `keys.${name}`, expected));
    } else pems.set(name, pem);
  }
  const rules = file.rules.map(({ keys, ...rule }, index) => {
    const unknown = keys.find((name) => !(name in file.keys));
    if (unknown !== undefined) issues.push(issueOf(path, `rules.${index}.keys`, `there is no key ${unknown}`));
    if (rule.mode !== 'off' && keys.length === 0) {
      issues.push(issueOf(path, `rules.${index}.keys`, `expected a key, for ${rule.pattern} is to be checked`));
    }
    return { ...rule, keys: keys.map((name) => ({ name, pem: pems.get(name) ?? '' })) };
  });
  return { policy: { default: file.default, rules }, issues };
}

/** Null when it is no key that signatures can be checked with. */
function readKey(path: string, keyOrFile: string): string | null {
  try {
    const pem = keyOrFile.includes('-----BEGIN') ? keyOrFile : readFileSync(resolve(dirname(path), keyOrFile), 'utf8');
    // Node would take a private key for its public half.
    if (!pem.includes('-----BEGIN PUBLIC KEY-----')) return null;
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(pem);
    const isP256 = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';
    return isP256 || asymmetricKeyType === 'ed25519' ? pem : null;
  } catch {
    return null;
  }
}

/** Names with `*`, `**` and `?`, a tag perhaps; two wildcards beside each other say nothing more than one. */
function isPattern(pattern: string): boolean {
  if (pattern.length > 512 || /\*{3}|\*\?|\?\*/.test(pattern)) return false;
  return /^[a-z0-9*?][a-z0-9._*?-]*(?::[\d*?]{1,5}(?=\/))?(?:\/[a-z0-9._*?-]+)*(?::[\w.*?-]{1,128})?$/i.test(pattern);
}

function toIssues(path: string, issue: z.core.$ZodIssue): ConfigIssue[] {
  const field = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [issueOf(path, field, issue.message)];
  return issue.keys.map((key) => issueOf(path, [...issue.path, key].join('.'), 'is not a setting'));
}

function issueOf(path: string, field: string, expected: string): ConfigIssue {
  return { name: `ENTREPOT_TRUST_POLICY (${path})${field === '' ? '' : `: ${field}`}`, expected };
}

function whyUnreadable(error: unknown): string {
  const { code, linePos } = error as { code?: string; linePos?: [{ line: number }] };
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EISDIR') return 'the file cannot be read';
  return `expected YAML or JSON${linePos === undefined ? '' : `, see line ${linePos[0].line}`}`;
}
