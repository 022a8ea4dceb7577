/** Values by their names. */
export type Variables = ReadonlyMap<string, string>;

/**
 * Puts values in the place of `$name`, `${name}`, `${name:-word}`, `${name:+word}` and `${name:?word}` (without the colon
 * as well), and takes quotes and escapes away, as BuildKit's shell lexer does. What is not set is empty.
 *
 * @throws {SubstitutionError}
 */
export function substitute(word: string, variables: Variables, escapeChar = '\\'): string {
  return new Substitution(word, variables, escapeChar).run();
}

class Substitution {
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly variables: Variables,
    private readonly escapeChar: string,
  ) {}

  run(): string {
    return this.#until(null);
  }

  #until(stop: string | null): string {
    let result = '';
    while (this.#at < this.text.length) {
      const char = this.text[this.#at] as string;
      if (char === stop) {
        this.#at += 1;
        return result;
      }
      if (char === "'") result += this.#singleQuoted();
      else if (char === '"') result += this.#doubleQuoted();
      else if (char === '$') result += this.#dollar();
      else result += this.#plain(char);
    }
    if (stop !== null) throw new SubstitutionError(`unexpected end of statement while looking for matching ${stop}`);
    return result;
  }

  #plain(char: string): string {
    this.#at += char === this.escapeChar ? 2 : 1;
    return char === this.escapeChar ? (this.text[this.#at - 1] ?? '') : char;
  }

  #singleQuoted(): string {
    const end = this.text.indexOf("'", this.#at + 1);
    if (end === -1) throw new SubstitutionError('unexpected end of statement while looking for matching single-quote');
    const inside = this.text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return inside;
  }

  #doubleQuoted(): string {
    let result = '';
    this.#at += 1;
    while (this.#at < this.text.length) {
      const char = this.text[this.#at] as string;
      if (char === '"') {
        this.#at += 1;
        return result;
      }
      if (char === '$') {
        result += this.#dollar();
        continue;
      }
      this.#at += 1;
      const next = this.text[this.#at];
      if (char === this.escapeChar && next === undefined) continue;
      if (char === this.escapeChar && (next === '"' || next === '$' || next === this.escapeChar)) {
        this.#at += 1;
        result += next;
      } else result += char;
    }
    throw new SubstitutionError('unexpected end of statement while looking for matching double-quote');
  }

  #dollar(): string {
    this.#at += 1;
    if (this.text[this.#at] !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.variables.get(name) ?? '');
    }
    this.#at += 1;
    const first = this.text[this.#at];
    if (first === undefined) throw new SubstitutionError("syntax error: missing '}'");
    if ('{}:'.includes(first)) throw new SubstitutionError('syntax error: bad substitution');
    return this.#braced(this.#name());
  }

  #braced(name: string): string {
    let modifier = this.text[this.#at++];
    if (modifier === '}') return this.variables.get(name) ?? '';
    const countsEmpty = modifier === ':';
    if (countsEmpty) modifier = this.text[this.#at++];
    if (modifier === undefined) throw new SubstitutionError("syntax error: missing '}'");
    if (!'+-?'.includes(modifier)) throw new SubstitutionError(`unsupported modifier (${modifier}) in substitution`);
    const word = this.#until('}');
    const value = this.variables.get(name);
    const isSet = value !== undefined && !(countsEmpty && value === '');
    if (modifier === '+') return isSet ? word : '';
    if (isSet) return value;
    if (modifier === '-') return word;
    throw new SubstitutionError(`${name}: ${word || `is not allowed to be ${countsEmpty ? 'empty' : 'unset'}`}`);
  }

  #name(): string {
    const found = /^(?:\d+|[@*#?\-$!]|[\p{L}_][\p{L}\d_]*)/u.exec(this.text.slice(this.#at))?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}

/** A word that cannot be substituted. */
export class SubstitutionError extends Error {
  override readonly name = 'SubstitutionError';
  readonly code = 'SUBSTITUTION' as const;
  readonly retryable = false;
}
