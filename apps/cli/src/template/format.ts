import { TemplateError } from './lexer.js';

/** A value as Go's `%v` prints it. */
export function formatGo(value: unknown): string {
  if (value === null || value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(formatGo).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, inner]) => `${key}:${formatGo(inner)}`).join(' ')}]`;
  }
  return String(value);
}

const verb = /%([-+ #0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g;

/** Go's `Printf` for the verbs that scripts use: `%v %s %q %d %x %t %f %g %%`, with width, precision and flags. */
export function formatVerbs(format: string, values: readonly unknown[]): string {
  let next = 0;
  const line = format.replace(
    verb,
    (_, flags: string, width: string | undefined, precision: string | undefined, letter: string) => {
      if (letter === '%') return '%';
      if (next >= values.length) return `%!${letter}(MISSING)`;
      const shown = formatOne(letter, values[next++], precision === undefined ? undefined : Number(precision));
      const size = Number(width ?? 0);
      if (flags.includes('-')) return shown.padEnd(size);
      return flags.includes('0') && /^[-+\d]/.test(shown) ? shown.padStart(size, '0') : shown.padStart(size);
    },
  );
  const left = values.slice(next);
  return left.length === 0
    ? line
    : `${line}%!(EXTRA ${left.map((value) => `${typeof value}=${formatGo(value)}`).join(', ')})`;
}

function formatOne(letter: string, value: unknown, precision?: number): string {
  switch (letter) {
    case 'v':
      return formatGo(value);
    case 's':
      return precision === undefined ? formatGo(value) : [...formatGo(value)].slice(0, precision).join('');
    case 'q':
      return JSON.stringify(formatGo(value));
    case 't':
      return String(Boolean(value));
    case 'd':
      return typeof value === 'number' ? String(Math.trunc(value)) : `%!d(${typeof value}=${formatGo(value)})`;
    case 'x':
      return typeof value === 'number' ? value.toString(16) : Buffer.from(formatGo(value)).toString('hex');
    case 'f':
      return Number(value).toFixed(precision ?? 6);
    case 'g':
      return String(Number(value));
    default:
      throw new TemplateError(`printf: unknown verb %${letter}`);
  }
}
