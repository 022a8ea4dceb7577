import type { MirrorRule } from '@entrepot/database';
import semver from 'semver';

/** The tags that a rule chooses, in the order in which they are pulled: highest versions first, then by name. */
export function chooseTags(rule: MirrorRule, tags: readonly string[]): string[] {
  const { globs, newest } = rule;
  const range = rule.semver === undefined ? undefined : new semver.Range(rule.semver, { loose: true });
  const chosen = [...new Set(tags)].filter((tag) => {
    if (globs !== undefined && !globs.some((glob) => fits(glob, tag))) return false;
    if (range === undefined) return true;
    const version = versionOf(tag);
    return version !== null && range.test(version);
  });
  return chosen.sort(byVersion).slice(0, newest ?? chosen.length);
}

/** @throws {InvalidRuleError} names what is wrong */
export function checkRule({ semver: range, globs }: Pick<MirrorRule, 'semver' | 'globs'>): void {
  if (range !== undefined && semver.validRange(range, { loose: true }) === null) {
    throw new InvalidRuleError(`${JSON.stringify(range)} is no range of versions`);
  }
  const odd = globs?.find((glob) => !/^[\w.*?-]{1,128}$/.test(glob));
  if (odd !== undefined) throw new InvalidRuleError(`${JSON.stringify(odd)} is no pattern of tags`);
}

/** `1.2.3`, `v1.2.3-rc.1`; `7` and `7.2` count as `7.0.0` and `7.2.0`. */
function versionOf(tag: string): semver.SemVer | null {
  return semver.parse(tag, { loose: true }) ?? (/^v?\d+(\.\d+)?$/.test(tag) ? semver.coerce(tag) : null);
}

function byVersion(a: string, b: string): number {
  const [left, right] = [versionOf(a), versionOf(b)];
  if (left !== null && right !== null) return semver.rcompare(left, right) || order(a, b);
  if (left !== null || right !== null) return left === null ? 1 : -1;
  return order(b, a);
}

/** As people count: `build-10` is after `build-9`. */
const collator = new Intl.Collator('en', { numeric: true });
const order = (a: string, b: string): number => collator.compare(a, b);

/** `*` for any text, `?` for one character. A regular expression of many stars would take for ever on some tags. */
function fits(glob: string, tag: string): boolean {
  let [at, star, retry] = [0, -1, 0];
  for (let index = 0; index < tag.length; ) {
    if (glob[at] === '*') {
      star = at++;
      retry = index;
    } else if (glob[at] === '?' || glob[at] === tag[index]) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++retry;
    } else {
      return false;
    }
  }
  return /^\**$/.test(glob.slice(at));
}

/** A rule that chooses nothing that could be meant. */
export class InvalidRuleError extends Error {
  override readonly name = 'InvalidRuleError';
  readonly code = 'INVALID_RULE' as const;
  readonly retryable = false;
}
