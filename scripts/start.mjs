// `npm start`: the embedded stack until SIGINT or SIGTERM.
import { handOver, prepareWorkspace } from './workspace.mjs';

prepareWorkspace();
handOver(process.execPath, ['apps/standalone/dist/main.js']);
