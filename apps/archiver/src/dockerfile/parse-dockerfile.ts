import { DockerfileError, DockerfileLineError } from './errors.js';
import { type Command, type FromCommand, parseCommand, parseFrom } from './parse-command.js';
import { readInstructions } from './read-instructions.js';

/** One `FROM` with what follows it. */
export interface Stage extends FromCommand {
  commands: Command[];
}

/** A Dockerfile as it is built. */
export interface Dockerfile {
  escapeChar: string;
  /** `ARG` before the first `FROM`; they count in `FROM` only. */
  metaArgs: Extract<Command, { kind: 'arg' }>[];
  stages: Stage[];
}

/**
 * Reads a Dockerfile.
 *
 * @throws {DockerfileError} in Docker's words
 */
export function parseDockerfile(text: string): Dockerfile {
  const { escapeChar, instructions } = readInstructions(text);
  const dockerfile: Dockerfile = { escapeChar, metaArgs: [], stages: [] };
  for (const instruction of instructions) {
    if (instruction.keyword === 'FROM') {
      dockerfile.stages.push({ ...parseFrom(instruction), commands: [] });
      continue;
    }
    const command = parseCommand(instruction, escapeChar);
    const stage = dockerfile.stages.at(-1);
    if (stage !== undefined) stage.commands.push(command);
    else if (command.kind === 'arg') dockerfile.metaArgs.push(command);
    else throw new DockerfileLineError(instruction.line, 'no build stage in current context');
  }
  if (dockerfile.stages.length === 0) throw new DockerfileError('dockerfile has no FROM: there is no stage to build');
  return dockerfile;
}

/**
 * The stages up to a target: a name, or a number from 0; all without one.
 *
 * @throws {DockerfileError} there is no such stage
 */
export function stagesUpTo({ stages }: Dockerfile, target: string): Stage[] {
  if (target === '') return stages;
  const byName = stages.findIndex(({ name }) => name === target.toLowerCase());
  const index = byName === -1 && /^\d{1,6}$/.test(target) ? Number(target) : byName;
  if (index < 0 || index >= stages.length) {
    throw new DockerfileError(`failed to reach build target ${target} in Dockerfile`);
  }
  return stages.slice(0, index + 1);
}
