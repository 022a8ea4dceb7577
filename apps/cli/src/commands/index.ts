import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { addBatch } from './batch.js';
import { addCat } from './cat.js';
import { addCompletion } from './completion.js';
import { addDf } from './df.js';
import { addDiff } from './diff.js';
import { addEvents } from './events.js';
import { addFind } from './find.js';
import { addHistory } from './history.js';
import { addImages } from './images.js';
import { addInspect } from './inspect.js';
import { addLayers } from './layers.js';
import { addLoad } from './load.js';
import { addLs } from './ls.js';
import { addPrune } from './prune.js';
import { addPull } from './pull.js';
import { addPulls } from './pulls.js';
import { addRegistry } from './registry.js';
import { addRmi } from './rmi.js';
import { addSave } from './save.js';
import { addSchedule } from './schedule.js';
import { addSearch } from './search.js';
import { addTag } from './tag.js';
import { addToken } from './token.js';
import { addWaste } from './waste.js';

/** Each adds its verb, in the order in which `--help` shows them. */
const verbs: readonly ((program: Command, context: CommandContext) => void)[] = [
  addImages,
  addInspect,
  addHistory,
  addLayers,
  addLs,
  addCat,
  addDiff,
  addWaste,
  addFind,
  addSearch,
  addPull,
  addPulls,
  addBatch,
  addSchedule,
  addTag,
  addRmi,
  addSave,
  addLoad,
  addPrune,
  addDf,
  addEvents,
  addRegistry,
  addToken,
  addCompletion,
];

/** All verbs of the command. */
export function addCommands(program: Command, context: CommandContext): void {
  for (const add of verbs) add(program, context);
}
