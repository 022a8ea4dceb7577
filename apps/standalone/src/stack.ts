import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Config } from '@entrepot/config';
import { migrate } from '@entrepot/database';
import { migrateQueue } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import { Supervisor } from './child-process.js';
import { type DataFolder, openDataFolder } from './data-folder.js';
import { EmbeddedDatabase } from './embedded-database.js';
import { StartedProcesses } from './leftovers.js';
import { checkAddressFree, findFreePort } from './ports.js';
import { listServices, type StackAddresses } from './services.js';

/** A running stack. */
export interface Stack {
  url: string;
  stop(): Promise<void>;
}

/** What has been started so far, to be ended in the opposite order. */
class Undo {
  readonly #steps: (() => Promise<void>)[] = [];

  push(step: () => Promise<void>): void {
    this.#steps.unshift(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step();
  }
}

/**
 * Starts everything on one machine and resolves when catalog answers. On failure nothing is left running.
 *
 * @throws errors whose message is one line for the person at the terminal
 */
export async function startStack(config: Config, logger: Logger, signal: AbortSignal): Promise<Stack> {
  const undo = new Undo();
  try {
    const folder = await openDataFolder(config.dataDir);
    undo.push(() => folder.release());
    const processes = new StartedProcesses(folder.path);
    await processes.endLeftovers();
    await checkAddressFree(config.listen.host, config.listen.port);
    const addresses = await findAddresses(config, folder, logger, undo);
    await migrate(addresses.databaseUrl);
    await migrateQueue(addresses.queueUrl);
    const supervisor = new Supervisor({
      onStart: (pid, script) => processes.add(pid, script),
      onEnd: (pid) => processes.remove(pid),
      onRestart: (service, how, delayMs) =>
        logger.warn({ service, how, delayMs }, `${service} ended (${how}), restarting`),
    });
    undo.push(() => supervisor.stop());
    for (const spec of listServices(config, addresses)) supervisor.start(spec);
    const scheme = config.tls === undefined ? 'http' : 'https';
    const url = `${scheme}://${hostInUrl(config.listen.host)}:${config.listen.port}`;
    await waitUntilReady(`${url}/readyz`, config.tls?.cert, signal);
    return { url, stop: () => undo.run() };
  } catch (error) {
    await undo.run();
    throw error;
  }
}

/** What the environment does not name is started here or lives in the data folder. */
async function findAddresses(config: Config, folder: DataFolder, logger: Logger, undo: Undo): Promise<StackAddresses> {
  const archiverPorts: number[] = [];
  while (archiverPorts.length < config.archivers) archiverPorts.push(await findFreePort());
  const embedded = config.databaseUrl && config.queueUrl ? null : await startDatabase(folder, logger, undo);
  return {
    databaseUrl: config.databaseUrl ?? embedded?.url ?? '',
    queueUrl: config.queueUrl ?? config.databaseUrl ?? embedded?.queueUrl ?? '',
    blobStoreUrl: config.blobStoreUrl ?? pathToFileURL(join(folder.path, 'blobs')).href,
    secretKey: config.secretKey?.toString('base64') ?? folder.secretKey,
    archiverPorts,
  };
}

async function startDatabase(folder: DataFolder, logger: Logger, undo: Undo): Promise<EmbeddedDatabase> {
  const database = await EmbeddedDatabase.start(folder.path, logger);
  undo.push(() => database.stop());
  return database;
}

/** With TLS it must be the certificate that is configured, whatever names it has. */
async function waitUntilReady(url: string, ca: string | undefined, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if ((await ask(url, ca, AbortSignal.any([signal, AbortSignal.timeout(2_000)]))) === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The status, or null when there was no answer. */
function ask(url: string, ca: string | undefined, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve) => {
    const onAnswer = (answer: IncomingMessage): void => {
      answer.resume();
      resolve(answer.statusCode ?? null);
    };
    const request =
      ca === undefined
        ? http.get(url, { signal }, onAnswer)
        : https.get(url, { signal, ca, checkServerIdentity: () => undefined }, onAnswer);
    request.on('error', () => resolve(null));
  });
}

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);
