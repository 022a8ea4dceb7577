import { type Part, splitTemplate, TemplateError, type Token } from './lexer.js';

/** What stands for a value. */
export type Operand =
  | { kind: 'literal'; value: unknown }
  | { kind: 'path'; base: '' | string; fields: string[] }
  | { kind: 'call'; name: string }
  | { kind: 'pipeline'; pipeline: Pipeline; fields: string[] };

/** A function with its arguments, or one value. */
export type Command = readonly Operand[];

/** Commands whose results become the last argument of the next; `declares` names the variables that take the result. */
export interface Pipeline {
  declares: string[];
  /** `=` instead of `:=`. */
  assigns: boolean;
  commands: Command[];
}

/** A template as it is carried out. */
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'print'; pipeline: Pipeline }
  | { kind: 'if' | 'with' | 'range'; pipeline: Pipeline; body: Node[]; otherwise: Node[] }
  | { kind: 'break' | 'continue' };

const blocks = new Set(['if', 'with', 'range']);
const constants: Record<string, unknown> = { true: true, false: false, nil: null };

/**
 * Reads a template of Go's `text/template`: fields, variables, pipelines, `if`, `with`, `range`, `break`, `continue`.
 *
 * @throws {TemplateError}
 */
export function parseTemplate(source: string): Node[] {
  return new Parser(source).parse();
}

class Parser {
  readonly #parts: Part[];
  #next = 0;

  constructor(readonly source: string) {
    this.#parts = splitTemplate(source);
  }

  parse(): Node[] {
    const { nodes, end } = this.#block();
    if (end) throw this.#error(`unexpected {{${end.word}}}`, end.at);
    return nodes;
  }

  /** Nodes until `else` or `end` of the block around, or the end of the template. */
  #block(): { nodes: Node[]; end: { word: string; rest: Token[]; at: number } | null } {
    const nodes: Node[] = [];
    for (let part = this.#parts[this.#next++]; part; part = this.#parts[this.#next++]) {
      if (part.kind === 'text') {
        nodes.push(part);
        continue;
      }
      const [first, ...rest] = part.tokens;
      const word = first?.kind === 'word' ? first.text : '';
      if (word === 'else' || word === 'end') return { nodes, end: { word, rest, at: part.at } };
      nodes.push(this.#action(word, part.tokens, part.at));
    }
    return { nodes, end: null };
  }

  #action(word: string, tokens: Token[], at: number): Node {
    if (blocks.has(word)) return this.#control(word as 'if', tokens.slice(1), at);
    if ((word === 'break' || word === 'continue') && tokens.length === 1) return { kind: word };
    if (word === 'define' || word === 'template' || word === 'block') {
      throw this.#error(`{{${word}}} is not supported`, at);
    }
    return { kind: 'print', pipeline: this.#pipeline(tokens, at) };
  }

  #control(kind: 'if' | 'with' | 'range', tokens: Token[], at: number): Node {
    const pipeline = this.#pipeline(tokens, at);
    const { nodes: body, end } = this.#block();
    if (!end) throw this.#error(`{{${kind}}} without {{end}}`, at);
    if (end.word === 'end') return { kind, pipeline, body, otherwise: [] };
    const [chained, ...rest] = end.rest;
    if (chained) {
      if (chained.kind !== 'word' || !blocks.has(chained.text))
        throw this.#error('unexpected text after {{else', end.at);
      return { kind, pipeline, body, otherwise: [this.#control(chained.text as 'if', rest, end.at)] };
    }
    const { nodes: otherwise, end: last } = this.#block();
    if (last?.word !== 'end') throw this.#error(`{{${kind}}} without {{end}}`, at);
    return { kind, pipeline, body, otherwise };
  }

  #pipeline(tokens: Token[], at: number): Pipeline {
    const { declares, assigns, rest } = this.#declaration(tokens);
    const commands = splitBy(rest, '|').map((part) => this.#command(part, at));
    return { declares, assigns, commands };
  }

  #declaration(tokens: Token[]): { declares: string[]; assigns: boolean; rest: Token[] } {
    const mark = tokens.findIndex((token) => token.kind === 'symbol' && (token.text === ':=' || token.text === '='));
    if (mark < 0) return { declares: [], assigns: false, rest: tokens };
    const declares = tokens.slice(0, mark).flatMap((token) => {
      if (token.kind === 'variable') return [token.text];
      if (token.kind === 'symbol' && token.text === ',') return [];
      throw this.#error('only variables can be assigned', token.at);
    });
    const sign = tokens[mark] as Token & { kind: 'symbol' };
    return { declares, assigns: sign.text === '=', rest: tokens.slice(mark + 1) };
  }

  #command(tokens: Token[], at: number): Command {
    const operands: Operand[] = [];
    const queue = [...tokens];
    while (queue.length > 0) operands.push(this.#operand(queue));
    if (operands.length === 0) throw this.#error('missing value for command', at);
    const [first] = operands;
    if (operands.length > 1 && first?.kind !== 'call') throw this.#error("can't give argument to non-function", at);
    return operands;
  }

  #operand(queue: Token[]): Operand {
    const token = queue.shift() as Token;
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'literal', value: token.value };
      case 'field':
        return { kind: 'path', base: '', fields: token.text === '' ? [] : [token.text, ...this.#fields(queue, token)] };
      case 'variable':
        return { kind: 'path', base: token.text, fields: this.#fields(queue, token) };
      case 'word':
        return token.text in constants
          ? { kind: 'literal', value: constants[token.text] }
          : { kind: 'call', name: token.text };
      case 'symbol':
        if (token.text !== '(') throw this.#error(`unexpected ${JSON.stringify(token.text)} in operand`, token.at);
        return this.#group(queue, token);
    }
  }

  #group(queue: Token[], opening: Token): Operand {
    const inner: Token[] = [];
    for (let depth = 1; ; ) {
      const token = queue.shift();
      if (!token) throw this.#error('unclosed left paren', opening.at);
      if (token.kind === 'symbol' && token.text === '(') depth += 1;
      if (token.kind === 'symbol' && token.text === ')' && --depth === 0) {
        return { kind: 'pipeline', pipeline: this.#pipeline(inner, opening.at), fields: this.#fields(queue, token) };
      }
      inner.push(token);
    }
  }

  /** Fields that follow without a space between. */
  #fields(queue: Token[], before: Token): string[] {
    const fields: string[] = [];
    for (let last = before; ; ) {
      const next = queue[0];
      if (next?.kind !== 'field' || next.text === '' || next.at !== endOf(last)) return fields;
      fields.push(next.text);
      last = next;
      queue.shift();
    }
  }

  #error(reason: string, at: number): TemplateError {
    return new TemplateError(reason, this.source, at);
  }
}

function endOf(token: Token): number {
  if (token.kind === 'field') return token.at + 1 + token.text.length;
  return token.kind === 'variable' || token.kind === 'symbol' ? token.at + token.text.length : -1;
}

/** Splits at a symbol outside parentheses. */
function splitBy(tokens: Token[], symbol: string): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    const text = token.kind === 'symbol' ? token.text : '';
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (text === symbol && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}
