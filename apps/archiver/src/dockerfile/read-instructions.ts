import { DockerfileParser } from 'dockerfile-ast';
import { DockerfileError, DockerfileLineError } from './errors.js';

/** One instruction as written, its lines joined. */
export interface Instruction {
  /** Upper case. */
  keyword: string;
  /** From 1. */
  line: number;
  /** The whole of it, as the transcript shows it. */
  source: string;
  /** `--name=value` before the arguments; `true` without a value. */
  flags: ReadonlyMap<string, string | true>;
  /** What follows the flags. */
  rest: string;
}

/** A Dockerfile before anybody asks what its instructions mean. */
export interface InstructionList {
  /** What continues a line and takes the meaning from the next character. */
  escapeChar: string;
  instructions: Instruction[];
}

/** The largest Dockerfile that is read. */
export const maxDockerfileBytes = 256 * 1024;

/**
 * Finds the instructions of a Dockerfile.
 *
 * @throws {DockerfileError} @throws {DockerfileLineError}
 */
export function readInstructions(text: string): InstructionList {
  const plain = text.replace(/^\uFEFF/, '');
  const parsed = DockerfileParser.parse(plain);
  const lines = plain.split(/\r?\n/);
  const escapeChar = parsed.getEscapeCharacter();
  const found = parsed.getInstructions();
  if (found.length === 0) throw new DockerfileError('file with no instructions');
  return {
    escapeChar,
    instructions: found.map((instruction) => {
      const { start, end } = instruction.getRange();
      const line = start.line + 1;
      if (/^(?:RUN|COPY|ADD)$/i.test(instruction.getInstruction()) && heredoc.test(lines[start.line] ?? '')) {
        throw new DockerfileLineError(
          line,
          'heredocs are not supported: write what they hold to a file of the context',
        );
      }
      return readInstruction(joinLines(lines.slice(start.line, end.line + 1), escapeChar), line, escapeChar);
    }),
  };
}

/** Reads the one instruction of an ONBUILD trigger. */
export function readTrigger(text: string): Instruction {
  return readInstruction(text.trim(), 1, '\\');
}

const heredoc = /^\s*\w+\s(?:.*\s)?<<-?["']?[A-Za-z_]\w*["']?(?:\s|$)/;

/** Lines that are continued become one; comments and empty lines between them vanish. */
function joinLines(lines: readonly string[], escapeChar: string): string {
  const continued = escapeChar === '`' ? /`[ \t]*$/ : /\\[ \t]*$/;
  const [first = '', ...more] = lines;
  const kept = [first.trimStart(), ...more.filter((line) => line.trim() !== '' && !/^\s*#/.test(line))];
  return kept
    .map((line) => line.replace(continued, ''))
    .join('')
    .trim();
}

function readInstruction(source: string, line: number, escapeChar: string): Instruction {
  const [, keyword = '', after = ''] = /^(\S+)\s*([\s\S]*)$/.exec(source) ?? [];
  const flags = new Map<string, string | true>();
  let rest = after.trim();
  while (rest.startsWith('--')) {
    const end = endOfWord(rest, escapeChar);
    const word = unquoted(rest.slice(2, end), escapeChar);
    rest = rest.slice(end).trim();
    if (word === '') break;
    const equals = word.indexOf('=');
    const name = equals === -1 ? word : word.slice(0, equals);
    if (flags.has(name)) throw new DockerfileLineError(line, `duplicate flag specified: ${name}`);
    flags.set(name, equals === -1 ? true : word.slice(equals + 1));
  }
  return { keyword: keyword.toUpperCase(), line, source, flags, rest };
}

function endOfWord(text: string, escapeChar: string): number {
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === escapeChar && quote !== "'") at += 1;
    else if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (/\s/.test(char)) return at;
  }
  return text.length;
}

function unquoted(word: string, escapeChar: string): string {
  const escaped = escapeChar === '`' ? /`(.)/g : /\\(.)/g;
  return word.replace(/["']/g, '').replace(escaped, '$1');
}
