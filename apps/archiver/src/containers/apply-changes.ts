import { posix } from 'node:path';
import type { ContainerConfig, Healthcheck } from '@entrepot/oci';
import { splitWords } from './config-words.js';
import { ContainerPathError } from './errors.js';

/**
 * Applies what `--change` of commit and import says, one Dockerfile instruction each, in order.
 *
 * @throws {ContainerPathError} with dockerd's text
 */
export function applyChanges(config: ContainerConfig, lines: readonly string[]): ContainerConfig {
  const changed = lines.reduce((before, line) => ({ ...before, ...changeOf(before, line) }), config);
  // A new entrypoint does not take the command that was meant for the old one.
  const names = lines.map((line) => instructionOf(line).name);
  const hasEntrypoint = changed.Entrypoint !== config.Entrypoint;
  return hasEntrypoint && !names.includes('CMD') ? { ...changed, Cmd: undefined } : changed;
}

type Change = (config: ContainerConfig, text: string) => Partial<ContainerConfig>;

const changes: Readonly<Record<string, Change>> = {
  CMD: (config, text) => ({ Cmd: command(config, text) }),
  // As with a daemon an empty list keeps what is there.
  ENTRYPOINT: (config, text) => {
    const entrypoint = command(config, text);
    return entrypoint.length === 0 ? {} : { Entrypoint: entrypoint };
  },
  ENV: (config, text) => {
    // A variable that is there keeps its place.
    const variables = new Map((config.Env ?? []).map((variable) => [keyOf(variable), variable]));
    for (const [key, value] of pairs(config, 'ENV', text)) variables.set(key, `${key}=${value}`);
    return { Env: [...variables.values()] };
  },
  LABEL: (config, text) => ({ Labels: { ...config.Labels, ...Object.fromEntries(pairs(config, 'LABEL', text)) } }),
  EXPOSE: (config, text) => ({
    ExposedPorts: { ...config.ExposedPorts, ...asSet(words(config, text).flatMap(ports)) },
  }),
  VOLUME: (config, text) => ({ Volumes: { ...config.Volumes, ...asSet(jsonList(text) ?? words(config, text)) } }),
  USER: (config, text) => ({ User: only(config, 'USER', text) }),
  WORKDIR: (config, text) => ({
    WorkingDir: posix.resolve(config.WorkingDir || '/', only(config, 'WORKDIR', text)),
  }),
  STOPSIGNAL: (config, text) => ({ StopSignal: only(config, 'STOPSIGNAL', text) }),
  ONBUILD: (config, text) => ({ OnBuild: [...(config.OnBuild ?? []), text] }),
  HEALTHCHECK: (config, text) => ({ Healthcheck: healthcheck(config, text) }),
};

function changeOf(config: ContainerConfig, line: string): Partial<ContainerConfig> {
  const { name, text } = instructionOf(line);
  const change = Object.hasOwn(changes, name) ? changes[name] : undefined;
  if (change === undefined) throw refused(`${name} is not a valid change command`);
  if (text === '') throw refused(`${name} requires at least one argument`);
  return change(config, text);
}

function instructionOf(line: string): { name: string; text: string } {
  const [, name = '', text = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? [];
  return { name: name.toUpperCase(), text };
}

/** A JSON list as it is; everything else is a line for a shell. */
function command(config: ContainerConfig, text: string): string[] {
  return jsonList(text) ?? [...(config.Shell ?? ['/bin/sh', '-c']), text];
}

function jsonList(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : null;
  } catch {
    return null;
  }
}

function words({ Env = [] }: ContainerConfig, text: string): string[] {
  const variables = new Map(Env.map((variable) => [keyOf(variable), variable.slice(keyOf(variable).length + 1)]));
  return splitWords(text, (name) => variables.get(name));
}

/** `KEY=value …`, or the old form `KEY the whole rest`. */
function pairs(config: ContainerConfig, name: string, text: string): [string, string][] {
  const [first = '', ...rest] = words(config, text);
  if (!first.includes('=')) {
    const value = /^\S+\s+([\s\S]*)$/.exec(text)?.[1];
    if (value === undefined) throw refused(`${name} must have two arguments`);
    return [
      [first, rest.length === 1 ? (rest[0] as string) : words(config, `"${value.replaceAll('"', '\\"')}"`).join(' ')],
    ];
  }
  return [first, ...rest].map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw refused(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function only(config: ContainerConfig, name: string, text: string): string {
  const found = words(config, text);
  if (found.length !== 1) throw refused(`${name} requires exactly one argument`);
  return found[0] as string;
}

/** `80`, `80/udp`, `8000-8002`. */
function ports(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || to > 65_535 || from > to) throw refused(`invalid containerPort: ${text}`);
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol}`);
}

function healthcheck(config: ContainerConfig, text: string): Healthcheck {
  if (/^none$/i.test(text)) return { Test: ['NONE'] };
  const check: Healthcheck = {};
  let rest = text;
  for (let option = optionOf(rest); option !== null; option = optionOf(rest)) {
    rest = option.rest;
    const key = healthOptions[option.name];
    if (key === undefined) throw refused(`Unknown flag: ${option.name}`);
    check[key] = key === 'Retries' ? Number(option.value) : nanoseconds(option.value);
  }
  const test = /^cmd\s+([\s\S]+)$/i.exec(rest)?.[1];
  if (test === undefined)
    throw refused(`Unknown type ${JSON.stringify(rest.split(/\s/, 1)[0])} in HEALTHCHECK (try CMD)`);
  const list = jsonList(test);
  return { ...check, Test: list === null ? ['CMD-SHELL', test] : ['CMD', ...list] };
}

const healthOptions: Readonly<Record<string, Exclude<keyof Healthcheck, 'Test'>>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
};

function optionOf(text: string): { name: string; value: string; rest: string } | null {
  const match = /^--([a-z-]+)=(\S+)\s+([\s\S]*)$/.exec(text);
  return match && { name: match[1] as string, value: match[2] as string, rest: match[3] as string };
}

const unitNanoseconds: Readonly<Record<string, number>> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, us: 1e3, ns: 1 };

function nanoseconds(text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|us|ns|s|m|h))+$/.test(text)) {
    throw refused(`time: invalid duration ${JSON.stringify(text)}`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|us|ns|s|m|h)/g)) {
    total += Number(amount) * (unitNanoseconds[unit as string] ?? 0);
  }
  return Math.round(total);
}

const keyOf = (variable: string): string => variable.split('=', 1)[0] as string;

const asSet = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]));

const refused = (message: string): ContainerPathError => new ContainerPathError(400, message);
