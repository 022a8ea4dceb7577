/** Go's `filepath.Match`, which COPY and `.dockerignore` are written for. No client's pattern becomes a backtracking one. */

/** Whether a path is a pattern: `*`, `?` or `[` that is not escaped. */
export function hasWildcards(path: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*[*?[]/.test(path);
}

/** Whether a whole path matches; a wildcard never matches a slash, and a broken pattern nothing. */
export function matchesPath(pattern: string, path: string): boolean {
  const patterns = pattern.split('/').filter((part) => part !== '' && part !== '.');
  const parts = path.split('/');
  if (patterns.length !== parts.length) return false;
  return patterns.every((part, index) => matchesName(part, parts[index] as string));
}

/** Whether one part of a path matches. */
function matchesName(pattern: string, name: string): boolean {
  const tokens = tokensOf(pattern);
  if (tokens === null) return false;
  const chars = [...name];
  let [token, char] = [0, 0];
  let star: { token: number; char: number } | null = null;
  while (char < chars.length) {
    const next = tokens[token];
    if (next === '*') {
      star = { token, char };
      token += 1;
    } else if (next?.(chars[char] as string)) {
      token += 1;
      char += 1;
    } else if (star !== null) {
      star.char += 1;
      [token, char] = [star.token + 1, star.char];
    } else return false;
  }
  return tokens.slice(token).every((left) => left === '*');
}

type Token = '*' | ((char: string) => boolean);

function tokensOf(pattern: string): Token[] | null {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] as string;
    if (char === '*') tokens.push('*');
    else if (char === '?') tokens.push(() => true);
    else if (char === '[') {
      const range = readClass(chars, at);
      if (range === null) return null;
      tokens.push(range.token);
      at = range.end;
    } else {
      if (char === '\\') at += 1;
      const literal = chars[at];
      if (literal === undefined) return null;
      tokens.push((given) => given === literal);
    }
  }
  return tokens;
}

/** `[a-z]`, `[^a-z]`; null when it is not closed. */
function readClass(chars: readonly string[], from: number): { token: Token; end: number } | null {
  let at = from + 1;
  const isNegated = chars[at] === '^';
  if (isNegated) at += 1;
  const ranges: [string, string][] = [];
  for (; chars[at] !== ']' || ranges.length === 0; at++) {
    if (chars[at] === '\\') at += 1;
    const low = chars[at];
    if (low === undefined) return null;
    let high = low;
    if (chars[at + 1] === '-' && chars[at + 2] !== ']') {
      at += chars[at + 2] === '\\' ? 3 : 2;
      high = chars[at] ?? '';
      if (high === '') return null;
    }
    ranges.push([low, high]);
  }
  const isIn = (char: string): boolean => ranges.some(([low, high]) => char >= low && char <= high);
  return { token: (char) => isIn(char) !== isNegated, end: at };
}
