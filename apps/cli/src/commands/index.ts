import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { addCompletion } from './completion.js';
import { addDf } from './df.js';
import { addEvents } from './events.js';
import { addHistory } from './history.js';
import { addImages } from './images.js';
import { addInspect } from './inspect.js';
import { addPrune } from './prune.js';
import { addPulls } from './pulls.js';
import { addRmi } from './rmi.js';
import { addTag } from './tag.js';

const verbs = [addImages, addInspect, addHistory, addPulls, addTag, addRmi, addPrune, addDf, addEvents, addCompletion];

/** All verbs, in the order in which `--help` shows them. */
export function addCommands(program: Command, context: CommandContext): void {
  for (const add of verbs) add(program, context);
}
