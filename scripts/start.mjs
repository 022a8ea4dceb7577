// `npm start`: the embedded stack until SIGINT or SIGTERM.
import { handOver, prepareWorkspace } from './workspace.mjs';

prepareWorkspace();
handOver(process.execPath, ['--enable-source-maps', 'apps/standalone/dist/main.js']);
