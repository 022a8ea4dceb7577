/** One piece of an action, with where it begins in the template (0-based), for messages. */
export type Token =
  | { kind: 'word'; text: string; at: number }
  | { kind: 'field'; text: string; at: number }
  | { kind: 'variable'; text: string; at: number }
  | { kind: 'string'; value: string; at: number }
  | { kind: 'number'; value: number; at: number }
  | { kind: 'symbol'; text: '(' | ')' | '|' | ',' | ':=' | '='; at: number };

/** A stretch of text, or one `{{…}}` with its tokens. */
export type Part = { kind: 'text'; text: string } | { kind: 'action'; tokens: Token[]; at: number };

const open = '{{';
const close = '}}';

const patterns: readonly [RegExp, (match: string, at: number) => Token | null][] = [
  [/\s+/y, () => null],
  [/:=|[()|,=]/y, (text, at) => ({ kind: 'symbol', text: text as ':=', at })],
  [/"(?:[^"\\\n]|\\.)*"/y, (text, at) => ({ kind: 'string', value: unquote(text), at })],
  [/`[^`]*`/y, (text, at) => ({ kind: 'string', value: text.slice(1, -1), at })],
  [/[+-]?\d+(?:\.\d+)?/y, (text, at) => ({ kind: 'number', value: Number(text), at })],
  [/\$[\p{L}\p{N}_]*/uy, (text, at) => ({ kind: 'variable', text, at })],
  [/\.[\p{L}_][\p{L}\p{N}_]*/uy, (text, at) => ({ kind: 'field', text: text.slice(1), at })],
  [/\./y, (_, at) => ({ kind: 'field', text: '', at })],
  [/[\p{L}_][\p{L}\p{N}_]*/uy, (text, at) => ({ kind: 'word', text, at })],
];

/**
 * Splits a template of Go's `text/template` into text and actions; comments are gone, `{{-` and `-}}` have trimmed.
 *
 * @throws {TemplateError} an action, a string or a comment does not end, or a character means nothing
 */
export function splitTemplate(source: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const start = source.indexOf(open, at);
    let text = source.slice(at, start < 0 ? undefined : start);
    const trimsBefore = start >= 0 && /^-\s/.test(source.slice(start + 2, start + 4));
    if (trimNext) text = text.trimStart();
    if (trimsBefore) text = text.trimEnd();
    if (text !== '') parts.push({ kind: 'text', text });
    if (start < 0) return parts;
    const action = readAction(source, start + (trimsBefore ? 3 : 2));
    if (action.tokens.length > 0) parts.push({ kind: 'action', tokens: action.tokens, at: start });
    else if (!action.isComment) throw new TemplateError('missing value for command', source, start);
    at = action.end;
    trimNext = action.trimsAfter;
  }
}

interface Action {
  tokens: Token[];
  isComment: boolean;
  trimsAfter: boolean;
  end: number;
}

function readAction(source: string, from: number): Action {
  const comment = /\s*\/\*[\s\S]*?\*\/(\s-)?}}/y;
  comment.lastIndex = from;
  const found = comment.exec(source);
  if (found) return { tokens: [], isComment: true, trimsAfter: found[1] !== undefined, end: comment.lastIndex };
  const tokens: Token[] = [];
  let at = from;
  for (;;) {
    if (source.startsWith(close, at)) return { tokens, isComment: false, trimsAfter: false, end: at + 2 };
    if (/^\s-}}/.test(source.slice(at, at + 4))) return { tokens, isComment: false, trimsAfter: true, end: at + 4 };
    if (at >= source.length) throw new TemplateError('unclosed action', source, from);
    const [token, end] = readToken(source, at);
    if (token) tokens.push(token);
    at = end;
  }
}

function readToken(source: string, at: number): [Token | null, number] {
  for (const [pattern, make] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (!match) continue;
    // Space before a trim marker belongs to the marker.
    if (/^\s/.test(match[0]) && source.startsWith('-}}', pattern.lastIndex)) return [null, pattern.lastIndex - 1];
    return [make(match[0], at), pattern.lastIndex];
  }
  const character = source[at] ?? '';
  if (character === '"') throw new TemplateError('unterminated quoted string', source, at);
  if (character === '`') throw new TemplateError('unterminated raw quoted string', source, at);
  throw new TemplateError(`unexpected ${JSON.stringify(character)} in command`, source, at);
}

function unquote(text: string): string {
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'" };
  return text.slice(1, -1).replace(/\\(.)/g, (whole, character: string) => escapes[character] ?? whole);
}

/** A template cannot be read, or cannot be carried out on the values given. The message says where and why. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'INVALID_TEMPLATE';
  readonly retryable = false;

  constructor(reason: string, source?: string, at = 0) {
    const line = source === undefined ? '' : `:${source.slice(0, at).split('\n').length}`;
    super(`template${line}: ${reason}`);
  }
}
