// RFC 9110 11.6.1: one header line may hold several challenges, and quoted values may hold commas.

/** One way to authenticate, as a 401 offers it. Scheme and names are in lower case. */
export interface Challenge {
  scheme: string;
  parameters: ReadonlyMap<string, string>;
}

const maxHeaderLength = 16 * 1024;
const token = /[!#$%&'*+.^_`|~\w-]+/y;
const quotedText = /"((?:[^"\\]|\\.)*)"/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const spaces = /[ \t]*/y;
const separators = /[ \t,]*/y;

/** All challenges of a 401, in order. What cannot be understood ends its line and is left out. */
export function parseChallenges(header: string | string[] | undefined): Challenge[] {
  const lines = header === undefined ? [] : [header].flat();
  return lines.filter((line) => line.length <= maxHeaderLength).flatMap(parseLine);
}

function parseLine(line: string): Challenge[] {
  const cursor = new Cursor(line);
  const challenges: Challenge[] = [];
  cursor.take(separators);
  while (!cursor.atEnd) {
    const scheme = cursor.take(token);
    if (scheme === null) break;
    cursor.take(spaces);
    challenges.push({ scheme: scheme.toLowerCase(), parameters: parseParameters(cursor) });
  }
  return challenges;
}

/** Reads `name=value` pairs until the next word without `=`, which is the scheme of the next challenge. */
function parseParameters(cursor: Cursor): Map<string, string> {
  const parameters = new Map<string, string>();
  if (!cursor.looksAtParameter()) cursor.take(token68);
  cursor.take(separators);
  while (cursor.looksAtParameter()) {
    const name = cursor.take(token) ?? '';
    cursor.take(/[ \t]*=[ \t]*/y);
    const value = cursor.takeQuoted() ?? cursor.take(token);
    if (value === null) return cursor.giveUp(parameters);
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
    cursor.take(separators);
  }
  return parameters;
}

class Cursor {
  #at = 0;

  constructor(private readonly text: string) {}

  get atEnd(): boolean {
    return this.#at >= this.text.length;
  }

  take(pattern: RegExp): string | null {
    return this.#match(pattern)?.[0] ?? null;
  }

  takeQuoted(): string | null {
    return this.#match(quotedText)?.[1]?.replace(/\\(.)/g, '$1') ?? null;
  }

  looksAtParameter(): boolean {
    const pattern = /[!#$%&'*+.^_`|~\w-]+[ \t]*=[ \t]*(?:"|[^\s,=])/y;
    pattern.lastIndex = this.#at;
    return pattern.test(this.text);
  }

  giveUp<T>(result: T): T {
    this.#at = this.text.length;
    return result;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }
}
