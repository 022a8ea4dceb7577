// `npm run build`: what the other commands do first, alone.
import { prepareWorkspace } from './workspace.mjs';

prepareWorkspace();
