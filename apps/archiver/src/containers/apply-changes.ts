import type { ContainerConfig } from '@entrepot/oci';
import { configStep } from '../dockerfile/config-step.js';
import { DockerfileError, DockerfileLineError } from '../dockerfile/errors.js';
import { parseCommand } from '../dockerfile/parse-command.js';
import { readInstructions } from '../dockerfile/read-instructions.js';
import { SubstitutionError, substitute } from '../dockerfile/substitute.js';
import { ContainerPathError } from './errors.js';

const defaultShell = ['/bin/sh', '-c'];

/**
 * Applies what `--change` of commit and import says: instructions of a Dockerfile, in order.
 *
 * @throws {ContainerPathError} with dockerd's text
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length === 0) return config;
  try {
    return keepEmptied(config, change(config, changes.join('\n')));
  } catch (error) {
    if (error instanceof DockerfileLineError) throw refused(error.reason);
    throw error instanceof DockerfileError || error instanceof SubstitutionError ? refused(error.message) : error;
  }
}

function change(config: ContainerConfig, text: string): ContainerConfig {
  const { instructions, escapeChar } = readInstructions(text);
  const state = { config, shell: config.Shell ?? defaultShell, hasCmd: false };
  for (const instruction of instructions) {
    const command = changing.has(instruction.keyword) ? parseCommand(instruction, escapeChar) : null;
    if (command === null || !isChange(command)) {
      throw refused(`${instruction.keyword.toLowerCase()} is not a valid change command`);
    }
    const variables = variablesOf(state.config);
    state.config = configStep(state, command, (word) => substitute(word, variables, escapeChar)).config;
    if (command.kind === 'cmd') state.hasCmd = command.words.length > 0;
  }
  return state.config;
}

type Change = Parameters<typeof configStep>[1];

const changing = new Set([
  ...[
    'CMD',
    'ENTRYPOINT',
    'ENV',
    'EXPOSE',
    'HEALTHCHECK',
    'LABEL',
    'ONBUILD',
    'STOPSIGNAL',
    'USER',
    'VOLUME',
    'WORKDIR',
  ],
]);

const isChange = (command: ReturnType<typeof parseCommand>): command is Change =>
  changing.has(command.kind.toUpperCase());

/** As with a daemon an empty list keeps what is there. */
function keepEmptied(before: ContainerConfig, after: ContainerConfig): ContainerConfig {
  if ((after.Entrypoint ?? []).length > 0) return after;
  const Cmd = (after.Cmd ?? []).length > 0 ? after.Cmd : before.Cmd;
  return { ...after, Entrypoint: before.Entrypoint, Cmd };
}

function variablesOf({ Env = [] }: ContainerConfig): Map<string, string> {
  return new Map(
    Env.filter((variable) => variable.indexOf('=') > 0).map((variable) => {
      const equals = variable.indexOf('=');
      return [variable.slice(0, equals), variable.slice(equals + 1)];
    }),
  );
}

const refused = (message: string): ContainerPathError => new ContainerPathError(400, message);
