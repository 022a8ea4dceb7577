import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBlobStore } from '@entrepot/blob-store';
import {
  AnalysisWishes,
  type ContentContext,
  createBatch,
  createSecretBox,
  openUpstreams,
  type UpstreamEntry,
} from '@entrepot/content';
import { type BatchRow, findBatch, type NewBatch, openDatabase } from '@entrepot/database';
import { analysesOn, migrateQueue, openQueue, planBatch } from '@entrepot/jobs';
import { createLogger } from '@entrepot/observability';
import { parseReference } from '@entrepot/oci';
import { TrustPolicy } from '@entrepot/trust';
import { Courtesy } from './courtesy.js';
import { OwnFetches } from './fetch-missing.js';
import { openRegistry } from './open-registry.js';
import type { PullerParts } from './parts.js';
import { TransferSlots } from './transfer-slots.js';
import { startWork, tinyTransferSlots, transferSlots } from './work.js';

/** Pullers for tests, all of them in this process but each with its own connections, on a database of their own. */
export interface PullerFixture {
  content: ContentContext;
  /** Starts one; it stops with the fixture, or when its `stop` is called. */
  startPuller(change?: Partial<PullerParts>): Promise<{ parts: PullerParts; stop(): Promise<void> }>;
  /** Asks for a batch as the API does. References are normalised already. */
  createBatch(references: readonly string[], change?: Partial<NewBatch>): Promise<string>;
  /** Resolves when the batch is in one of these states; fails when it takes too long. */
  waitFor(batchId: string, ...states: BatchRow['state'][]): Promise<BatchRow>;
  close(): Promise<void>;
}

/** Opens the fixture on a database that goes with it; `queueUrl` is a Redis, else the queue is there, too. */
export async function openPullers(
  source: { url: string; queueUrl: string; drop(): Promise<void> },
  options: { queueUrl?: string; registries?: readonly UpstreamEntry[] } = {},
): Promise<PullerFixture> {
  const queueUrl = options.queueUrl ?? source.queueUrl;
  if (options.queueUrl === undefined) await migrateQueue(source.queueUrl);
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-puller-'));
  const store = openBlobStore(String(pathToFileURL(folder)));
  const database = openDatabase(source.url);
  const content = { database, store };
  const queue = openQueue(queueUrl, { onError: () => {} });
  const stops: (() => Promise<void>)[] = [];

  const startPuller: PullerFixture['startPuller'] = async (change = {}) => {
    const own = openDatabase(source.url);
    const secretBox = createSecretBox(Buffer.alloc(32, 7));
    const logger = createLogger({ service: 'puller', level: 'silent' });
    const ownQueue = openQueue(queueUrl, { onError: () => {} });
    const baseline = options.registries ?? [];
    const { closeRegistry, ...registries } = await openRegistry({ database: own, secretBox, logger, baseline });
    const parts: PullerParts = {
      ...{ content: { database: own, store }, ...registries, secretBox, logger },
      queue: ownQueue,
      analysis: new AnalysisWishes({ database: own, enqueue: analysesOn(ownQueue), onError: () => {} }),
      slots: new TransferSlots(transferSlots),
      tinySlots: new TransferSlots(tinyTransferSlots),
      ownFetches: new OwnFetches(() => {}),
      courtesy: new Courtesy({ database: own }),
      trust: new TrustPolicy(),
      freeBytes: () => store.freeBytes(),
      owner: `puller:${randomUUID()}`,
      ...change,
    };
    const work = startWork(parts);
    let stopped: Promise<void> | undefined;
    const stopAll = async (): Promise<void> => {
      await work.stop();
      await Promise.allSettled([parts.queue.close(), closeRegistry()]);
      await own.close();
    };
    const stop = (): Promise<void> => {
      stopped ??= stopAll();
      return stopped;
    };
    stops.push(stop);
    return { parts, stop };
  };

  return {
    content,
    startPuller,
    createBatch: async (references, change = {}) => {
      const items = references.map((reference) => ({
        ...{ reference, host: parseReference(reference).domain, platform: null },
        ...{ priority: 'normal' as const, labels: {} },
      }));
      const fields = { owner: 'test', priority: 'normal' as const, labels: {}, dryRun: false };
      const batchId = await createBatch(content, { ...fields, ...change, items });
      await queue.enqueue(planBatch, { batchId }).catch(() => {});
      return batchId;
    },
    waitFor: async (batchId, ...states) => {
      const deadline = Date.now() + 100_000;
      for (;;) {
        const batch = await findBatch(database.prisma, batchId);
        if (batch !== null && states.includes(batch.state)) return batch;
        if (Date.now() > deadline) throw new Error(`batch ${batchId}: ${JSON.stringify(batch)}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    close: async () => {
      await Promise.all(stops.map((stop) => stop()));
      await queue.close();
      await database.close();
      await source.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
