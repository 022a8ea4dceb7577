import { loadClientConfig } from '@entrepot/config';
import { ApiClient } from './client/api-client.js';
import { exitCodes } from './exit-code.js';
import { runProgram } from './program.js';

let client: ApiClient | undefined;
const stopping = new AbortController();

process.on('SIGINT', () => {
  if (stopping.signal.aborted) process.exit(exitCodes.interrupted);
  stopping.abort();
});
// Whoever reads a list may stop before its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runProgram(process.argv.slice(2), {
  client: () => {
    client ??= new ApiClient(loadClientConfig());
    return client;
  },
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
});
await client?.close();
