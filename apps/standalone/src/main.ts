import { ConfigError, loadConfig } from '@entrepot/config';
import { createLogger } from '@entrepot/observability';
import { startStack } from './stack.js';

/** `npm start`: the whole of Entrepot on one machine, until it is told to stop. */
async function main(): Promise<void> {
  const config = loadConfig();
  const logger = createLogger({ service: 'standalone', level: config.logLevel });
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());

  const stack = await startStack(config, logger, stopping.signal);
  say(`Entrepot is ready on ${stack.url}`);
  say(`  docker -H tcp://${config.listen.host}:${config.listen.port} images`);
  await whenAborted(stopping.signal);
  await stack.stop();
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** One line for a person; the stack trace is of no use to whoever set a wrong variable. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) {
    return error.issues.map(({ name, expected }) => `entrepot: ${name}: ${expected}`).join('\n');
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return 'entrepot: no space left on the disk of the data folder (ENTREPOT_DATA_DIR)';
  return `entrepot: ${message}`;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const interrupted = error instanceof Error && error.name === 'AbortError';
    if (!interrupted) process.stderr.write(`${explain(error)}\n`);
    process.exit(interrupted ? 0 : 1);
  },
);
