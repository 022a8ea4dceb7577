import type { BackendFactory, IQueueBackend } from 'bullmq';
import { pause } from './within.js';

/** What Redis and PostgreSQL have in common: the connections of one process, shared by all its queues. */
export interface QueueBackend {
  /** What BullMQ's classes are built on. */
  readonly factory: BackendFactory<IQueueBackend>;
  /** So many jobs are added more cheaply one by one than together. */
  readonly fewJobs: number;
  /** Resolves once the backend answers and has its tables; rejects only when closed before. */
  ready(): Promise<void>;
  /** Asks the backend for a sign of life; rejects when there is none. */
  ping(): Promise<void>;
  /** Lets go of all connections, whatever their state. Idempotent. */
  close(): Promise<void>;
}

/**
 * Makes a worker that cannot take a job pause before it tries again. BullMQ itself asks again at once after any error
 * but a refused connection, thousands of times a second.
 */
export function withoutHotLoop(
  factory: BackendFactory<IQueueBackend>,
  knockMs: number,
  closed: AbortSignal,
): BackendFactory<IQueueBackend> {
  return (name, options, connections) => {
    const backend = factory(name, options, connections);
    const take = backend.moveToActive.bind(backend);
    backend.moveToActive = async (token, workerName) => {
      try {
        return await take(token, workerName);
      } catch (error) {
        await pause(knockMs, closed);
        throw error;
      }
    };
    return backend;
  };
}
