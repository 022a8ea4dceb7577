// `npm run bench`: see bench/README.md.
import { handOver, prepareWorkspace } from './workspace.mjs';

prepareWorkspace();
handOver(process.execPath, ['bench/main.mjs', ...process.argv.slice(2)]);
