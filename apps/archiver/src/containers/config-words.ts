// The little language of words in a Dockerfile instruction: quotes, backslashes, `$NAME`, `${NAME}`, `${NAME:-default}`
// and `${NAME:+instead}`.

/** Looks a variable up. */
export type Variables = (name: string) => string | undefined;

/** Cuts a text at its blanks, quotes taken away and variables put in. */
export function splitWords(text: string, variables: Variables): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    word ??= '';
    if (char === quote) quote = null;
    else if (quote === null && (char === '"' || char === "'")) quote = char;
    else if (char === '\\' && quote !== "'" && at + 1 < text.length) {
      const next = text[++at] as string;
      word += quote === null || /["\\$]/.test(next) ? next : `\\${next}`;
    } else if (char === '$' && quote !== "'") {
      const { value, end } = expand(text, at, variables);
      word += value;
      at = end - 1;
    } else word += char;
  }
  if (word !== null) words.push(word);
  return words;
}

function expand(text: string, at: number, variables: Variables): { value: string; end: number } {
  const match = /^\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/.exec(text.slice(at));
  if (!match) return { value: '$', end: at + 1 };
  const [whole, bare, braced, operator, other = ''] = match;
  const value = variables((bare ?? braced) as string) ?? '';
  const chosen = operator === '-' ? value || other : operator === '+' ? (value === '' ? '' : other) : value;
  return { value: chosen, end: at + whole.length };
}
