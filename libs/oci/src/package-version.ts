/**
 * Order of package versions, each ecosystem by its own rules: Debian Policy 5.6.12 (epoch, `~` before everything),
 * apk-tools' version.c (`_alpha` … `_p`, `-r1`), and semver 2.0.0 section 11 for npm.
 */

export type Ecosystem = 'deb' | 'apk' | 'npm';

/** Below 0 when `a` is older, above 0 when it is newer. */
export function compareVersions(ecosystem: Ecosystem, a: string, b: string): number {
  return { deb: compareDebian, apk: compareAlpine, npm: compareSemver }[ecosystem](a, b);
}

function compareDebian(a: string, b: string): number {
  const [left, right] = [splitDebian(a), splitDebian(b)];
  return (
    left.epoch - right.epoch ||
    compareDebianPart(left.upstream, right.upstream) ||
    compareDebianPart(left.revision, right.revision)
  );
}

function splitDebian(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon === -1 ? 0 : Number.parseInt(version.slice(0, colon), 10) || 0,
    upstream: dash === -1 ? rest : rest.slice(0, dash),
    revision: dash === -1 ? '' : rest.slice(dash + 1),
  };
}

/** In turns what is no number, letters before all others and `~` before the end, and numbers. */
function compareDebianPart(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const order = debianWeight(a, i) - debianWeight(b, j);
      if (order !== 0) return order;
      i += 1;
      j += 1;
    }
    const [left, right] = [digitsAt(a, i), digitsAt(b, j)];
    const order = compareDigits(left, right);
    if (order !== 0) return order;
    i += left.length;
    j += right.length;
  }
  return 0;
}

function debianWeight(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const char = text.charAt(at);
  if (char === '~') return -1;
  return /[a-zA-Z]/.test(char) ? char.charCodeAt(0) : char.charCodeAt(0) + 256;
}

const apkSuffixes = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p'];

function compareAlpine(a: string, b: string): number {
  const [left, right] = [parseAlpine(a), parseAlpine(b)];
  for (let at = 0; at < Math.max(left.numbers.length, right.numbers.length); at++) {
    const [one, other] = [left.numbers[at], right.numbers[at]];
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    const order = compareApkNumbers(one, other, at);
    if (order !== 0) return order;
  }
  if (left.letter !== right.letter) return left.letter < right.letter ? -1 : 1;
  for (let at = 0; at < Math.max(left.suffixes.length, right.suffixes.length); at++) {
    const [one, other] = [left.suffixes[at] ?? plainSuffix, right.suffixes[at] ?? plainSuffix];
    const order = one.rank - other.rank || compareDigits(one.number, other.number);
    if (order !== 0) return order;
  }
  return compareDigits(left.revision, right.revision);
}

const plainSuffix = { rank: apkSuffixes.indexOf(''), number: '' };

function parseAlpine(version: string) {
  const match = /^([0-9.]*)([a-z]?)((?:_[a-z]+[0-9]*)*)(?:~[0-9a-f]+)?(?:-r([0-9]+))?/.exec(version);
  const [, numbers = '', letter = '', suffixes = '', revision = ''] = match ?? [];
  return {
    numbers: numbers.split('.'),
    letter,
    suffixes: [...suffixes.matchAll(/_([a-z]+)([0-9]*)/g)].map(([, name = '', number = '']) => ({
      rank: apkSuffixes.indexOf(name),
      number,
    })),
    revision,
  };
}

/** Parts after the first that begin with 0 are compared as fractions. */
function compareApkNumbers(a: string, b: string, at: number): number {
  if (at === 0 || (!a.startsWith('0') && !b.startsWith('0'))) return compareDigits(a, b);
  return a === b ? 0 : a < b ? -1 : 1;
}

function compareSemver(a: string, b: string): number {
  const [left, right] = [splitSemver(a), splitSemver(b)];
  for (let at = 0; at < 3; at++) {
    const order = compareDigits(left.core[at] ?? '', right.core[at] ?? '');
    if (order !== 0) return order;
  }
  if (left.pre === null || right.pre === null) return (left.pre === null ? 1 : 0) - (right.pre === null ? 1 : 0);
  for (let at = 0; at < Math.max(left.pre.length, right.pre.length); at++) {
    const order = compareIdentifiers(left.pre[at], right.pre[at]);
    if (order !== 0) return order;
  }
  return 0;
}

function splitSemver(version: string): { core: string[]; pre: string[] | null } {
  const plain = version.replace(/^[v=\s]+/, '').replace(/\+.*$/, '');
  const dash = plain.indexOf('-');
  const core = dash === -1 ? plain : plain.slice(0, dash);
  return { core: core.split('.'), pre: dash === -1 ? null : plain.slice(dash + 1).split('.') };
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return compareDigits(a, b);
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Numbers of any length. */
function compareDigits(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  if (left.length !== right.length) return left.length - right.length;
  return left === right ? 0 : left < right ? -1 : 1;
}

function digitsAt(text: string, at: number): string {
  return /^\d*/.exec(text.slice(at))?.[0] ?? '';
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}
