import type { Healthcheck } from '@entrepot/oci';
import { DockerfileLineError } from './errors.js';
import { formatGoDuration, parseGoDuration } from './go-format.js';
import { type Instruction, readTrigger } from './read-instructions.js';
import { parseTextList, splitSpaces, splitWords } from './words.js';

/** A key and its value, both before substitution. */
export type Pair = readonly [key: string, value: string];

/** What COPY and ADD share. */
export interface Transfer {
  sources: string[];
  destination: string;
  chown: string | null;
  chmod: string | null;
  /** Of COPY only: a stage or an image. */
  from: string | null;
  /** Of ADD only: what a download must hash to. */
  checksum: string | null;
}

/** What is to be run: a list, or a text for the shell. */
export interface CommandLine {
  words: string[];
  isShell: boolean;
}

/** What an instruction of a stage asks for. */
export type Command = { source: string; line: number } & (
  | { kind: 'env'; pairs: Pair[] }
  /** `literal`: from the command line, where nothing is substituted. */
  | { kind: 'label'; pairs: Pair[]; literal: boolean }
  | { kind: 'arg'; args: { name: string; value: string | null }[] }
  | ({ kind: 'copy' | 'add' } & Transfer)
  | { kind: 'maintainer'; value: string }
  | { kind: 'workdir' | 'user' | 'stopsignal'; value: string }
  | { kind: 'volume' | 'expose' | 'shell'; values: string[] }
  | ({ kind: 'cmd' | 'entrypoint' } & CommandLine)
  | ({ kind: 'run' } & CommandLine)
  | { kind: 'healthcheck'; health: Healthcheck }
  | { kind: 'onbuild'; trigger: string }
);

/** `FROM`. */
export interface FromCommand {
  source: string;
  line: number;
  base: string;
  name: string | null;
  platform: string | null;
}

type Parts = Pick<Instruction, 'keyword' | 'line' | 'source' | 'flags' | 'rest'> & { escapeChar: string };

/** @throws {DockerfileLineError} in Docker's words */
export function parseFrom(instruction: Instruction): FromCommand {
  const { line, source, rest } = instruction;
  checkFlags(instruction, ['platform']);
  const words = splitSpaces(rest);
  const isNamed = words.length === 3 && words[1]?.toLowerCase() === 'as';
  if (words.length !== 1 && !isNamed) throw wrong(instruction, 'FROM requires either one or three arguments');
  const name = isNamed ? (words[2] ?? '').toLowerCase() : null;
  if (name !== null && !/^[a-z][a-z0-9\-_.]*$/.test(name)) {
    throw wrong(
      instruction,
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
    );
  }
  return { source, line, base: words[0] ?? '', name, platform: flag(instruction, 'platform') };
}

/** @throws {DockerfileLineError} in Docker's words */
export function parseCommand(instruction: Instruction, escapeChar: string): Command {
  const { keyword, line, source } = instruction;
  const parse = parsers[keyword];
  if (parse === undefined) throw wrong(instruction, `unknown instruction: ${keyword}`);
  const parts = { ...instruction, escapeChar };
  checkFlags(instruction, flagsOf[keyword] ?? []);
  try {
    return { ...parse(parts), source, line } as Command;
  } catch (error) {
    if (error instanceof RangeError) throw wrong(instruction, error.message);
    throw error;
  }
}

const flagsOf: Readonly<Record<string, readonly string[]>> = {
  ADD: ['chown', 'chmod', 'checksum'],
  COPY: ['chown', 'chmod', 'from'],
  HEALTHCHECK: ['interval', 'timeout', 'start-period', 'start-interval', 'retries'],
  // Whatever they say, RUN is refused or handed to a runner.
  RUN: ['mount', 'network', 'security'],
};

type Unplaced = Command extends infer C ? (C extends Command ? Omit<C, 'source' | 'line'> : never) : never;

const parsers: Readonly<Record<string, (parts: Parts) => Unplaced>> = {
  ENV: (parts) => ({ kind: 'env', pairs: parsePairs(parts) }),
  LABEL: (parts) => ({ kind: 'label', pairs: parsePairs(parts), literal: false }),
  ARG: parseArg,
  COPY: (parts) => ({ kind: 'copy', ...parseTransfer(parts) }),
  ADD: (parts) => ({ kind: 'add', ...parseTransfer(parts) }),
  WORKDIR: (parts) => ({ kind: 'workdir', value: oneArgument(parts) }),
  USER: (parts) => ({ kind: 'user', value: oneArgument(parts) }),
  STOPSIGNAL: (parts) => ({ kind: 'stopsignal', value: oneArgument(parts) }),
  MAINTAINER: (parts) => ({ kind: 'maintainer', value: oneArgument(parts) }),
  EXPOSE: (parts) => ({ kind: 'expose', values: someArguments(parts, splitSpaces(parts.rest)).sort() }),
  VOLUME: parseVolume,
  SHELL: parseShell,
  CMD: (parts) => ({ kind: 'cmd', ...parseCommandLine(parts.rest) }),
  ENTRYPOINT: (parts) => ({ kind: 'entrypoint', ...parseCommandLine(someText(parts)) }),
  RUN: (parts) => ({ kind: 'run', ...parseCommandLine(someText(parts)) }),
  HEALTHCHECK: (parts) => ({ kind: 'healthcheck', health: parseHealthcheck(parts) }),
  ONBUILD: parseOnbuild,
};

/** `key=value …`, or the older form of one key and everything after it. */
function parsePairs(parts: Parts): Pair[] {
  const words = splitWords(someText(parts), parts.escapeChar);
  if (!words[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+([\s\S]+)$/.exec(parts.rest) ?? [];
    if (value === undefined) throw new RangeError(`${parts.keyword} must have two arguments`);
    return [[key, value]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals === -1) {
      throw new RangeError(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    if (equals === 0) throw new RangeError(`${parts.keyword} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)] as const;
  });
}

function parseArg(parts: Parts): Unplaced {
  const args = splitWords(someText(parts), parts.escapeChar).map((word) => {
    const equals = word.indexOf('=');
    if (equals === 0) throw new RangeError('ARG names can not be blank');
    return equals === -1 ? { name: word, value: null } : { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  return { kind: 'arg', args };
}

function parseTransfer(parts: Parts): Transfer {
  const words = parseTextList(parts.rest) ?? splitSpaces(parts.rest);
  if (words.length < 2) {
    const given = words.length === 0 ? '' : ', but only one was provided. Destination could not be determined';
    throw new RangeError(`${parts.keyword} requires at least two arguments${given}`);
  }
  return {
    sources: words.slice(0, -1),
    destination: words.at(-1) as string,
    chown: flag(parts, 'chown'),
    chmod: flag(parts, 'chmod'),
    from: flag(parts, 'from'),
    checksum: flag(parts, 'checksum'),
  };
}

function parseVolume(parts: Parts): Unplaced {
  const values = someArguments(parts, parseTextList(parts.rest) ?? splitSpaces(parts.rest));
  if (values.includes('')) throw new RangeError('VOLUME specified can not be an empty string');
  return { kind: 'volume', values };
}

function parseShell(parts: Parts): Unplaced {
  const values = parseTextList(parts.rest);
  if (values === null) throw new RangeError('SHELL requires the arguments to be in JSON form');
  return { kind: 'shell', values: someArguments(parts, values) };
}

function parseCommandLine(text: string): CommandLine {
  const list = parseTextList(text);
  if (list !== null) return { words: list, isShell: false };
  return { words: text === '' ? [] : [text], isShell: true };
}

function parseHealthcheck(parts: Parts): Healthcheck {
  const [, type = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(someText(parts)) ?? [];
  switch (type.toUpperCase()) {
    case 'NONE':
      if (rest !== '') throw new RangeError('HEALTHCHECK NONE takes no arguments');
      return { Test: ['NONE'] };
    case 'CMD': {
      const { words, isShell } = parseCommandLine(rest);
      if (words.length === 0) throw new RangeError('Missing command after HEALTHCHECK CMD');
      return withoutZeros({
        Test: [isShell ? 'CMD-SHELL' : 'CMD', ...words],
        Interval: interval(parts, 'interval'),
        Timeout: interval(parts, 'timeout'),
        StartPeriod: interval(parts, 'start-period'),
        StartInterval: interval(parts, 'start-interval'),
        Retries: retries(parts),
      });
    }
    default:
      throw new RangeError(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
}

const leastInterval = 1e6;

function interval(parts: Parts, name: string): number {
  const text = flag(parts, name) ?? '';
  if (text === '') return 0;
  const duration = parseGoDuration(text);
  if (duration === null) throw new RangeError(`time: invalid duration ${JSON.stringify(text)}`);
  if (duration !== 0 && duration < leastInterval) {
    throw new RangeError(`Interval ${JSON.stringify(name)} cannot be less than ${formatGoDuration(leastInterval)}`);
  }
  return duration;
}

function retries(parts: Parts): number {
  const text = flag(parts, 'retries') ?? '';
  if (text === '') return 0;
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0) {
    throw new RangeError(`--retries must be at least 1 (not ${text})`);
  }
  return Number(text);
}

function withoutZeros(health: Healthcheck): Healthcheck {
  return Object.fromEntries(Object.entries(health).filter(([, value]) => value !== 0));
}

function parseOnbuild(parts: Parts): Unplaced {
  const trigger = someText({ ...parts, rest: parts.source.replace(/^\s*ONBUILD\s*/i, '') });
  const inner = readTrigger(trigger);
  if (inner.keyword === 'ONBUILD') throw new RangeError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (inner.keyword === 'FROM' || inner.keyword === 'MAINTAINER') {
    throw new RangeError(`${inner.keyword} isn't allowed as an ONBUILD trigger`);
  }
  parseCommand({ ...inner, line: parts.line }, parts.escapeChar);
  return { kind: 'onbuild', trigger };
}

function oneArgument(parts: Parts): string {
  if (parts.rest === '') throw new RangeError(`${parts.keyword} requires exactly one argument`);
  return parts.rest;
}

function someText(parts: Parts): string {
  if (parts.rest === '') throw new RangeError(`${parts.keyword} requires at least one argument`);
  return parts.rest;
}

function someArguments(parts: Parts, values: string[]): string[] {
  if (values.length === 0) throw new RangeError(`${parts.keyword} requires at least one argument`);
  return values;
}

function flag({ flags }: Pick<Instruction, 'flags'>, name: string): string | null {
  const value = flags.get(name);
  if (value === true) throw new RangeError(`missing a value on flag: ${name}`);
  return value ?? null;
}

function checkFlags(instruction: Instruction, known: readonly string[]): void {
  for (const [name, value] of instruction.flags) {
    if (!known.includes(name)) throw wrong(instruction, `unknown flag: ${name}`);
    if (value === true) throw wrong(instruction, `missing a value on flag: ${name}`);
  }
}

function wrong({ line }: Pick<Instruction, 'line'>, reason: string): DockerfileLineError {
  return new DockerfileLineError(line, reason);
}
