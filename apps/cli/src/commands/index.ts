import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { addCompletion } from './completion.js';
import { addDf } from './df.js';
import { addEvents } from './events.js';
import { addHistory } from './history.js';
import { addImages } from './images.js';
import { addInspect } from './inspect.js';
import { addPrune } from './prune.js';
import { addPull } from './pull.js';
import { addPulls } from './pulls.js';
import { addRmi } from './rmi.js';
import { addTag } from './tag.js';

/** Each adds its verb, in the order in which `--help` shows them. */
const verbs: readonly ((program: Command, context: CommandContext) => void)[] = [
  addImages,
  addInspect,
  addHistory,
  addPull,
  addPulls,
  addTag,
  addRmi,
  addPrune,
  addDf,
  addEvents,
  addCompletion,
];

/** All verbs of the command. */
export function addCommands(program: Command, context: CommandContext): void {
  for (const add of verbs) add(program, context);
}
