/** How arguments become words, as BuildKit's parser reads them: quotes hold words together and stay, until substitution. */

/** Words between spaces; quotes and escaped characters stay as they are. */
export function splitWords(text: string, escapeChar: string): string[] {
  const words: string[] = [];
  let word = '';
  let started = false;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    let char = text[at] as string;
    if (quote === '' && /\s/.test(char)) {
      if (started) words.push(word);
      [word, started] = ['', false];
      continue;
    }
    if (char === escapeChar && quote !== "'") {
      if (at + 1 === text.length) continue;
      word += char;
      at += 1;
      char = text[at] as string;
    } else if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '"' || char === "'") {
      quote = char;
    }
    word += char;
    started = true;
  }
  if (started) words.push(word);
  return words;
}

/** Words between spaces, whatever is in them. */
export function splitSpaces(text: string): string[] {
  const trimmed = text.trim();
  return trimmed === '' ? [] : trimmed.split(/\s+/);
}

/**
 * A JSON list of texts; null when it is none.
 *
 * @throws {RangeError} a list of other things
 */
export function parseTextList(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  const list = parseJson(text);
  if (!Array.isArray(list)) return null;
  if (!list.every((item): item is string => typeof item === 'string')) {
    throw new RangeError('when using JSON array syntax, arrays must be comprised of strings only.');
  }
  return list;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
