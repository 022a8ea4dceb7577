import type { z } from 'zod';

/** One kind of work: its name (also its queue), what it carries, and which two wishes for it are the same. */
export interface JobDefinition<T> {
  readonly name: string;
  readonly payload: z.ZodType<T>;
  /** Two payloads with one id are one job while the first of them waits or runs. Never contains `:`. */
  readonly jobId: (payload: T) => string;
}

/**
 * Declares a job. The name becomes the queue's name, so that every kind of work has its own concurrency.
 *
 * @throws {InvalidJobNameError} name is not kebab-case
 */
export function defineJob<T>(definition: JobDefinition<T>): JobDefinition<T> {
  if (!/^[a-z][a-z0-9-]*$/.test(definition.name)) throw new InvalidJobNameError(definition.name);
  return Object.freeze({ ...definition });
}

/** A job was declared under a name that no queue can carry. */
export class InvalidJobNameError extends Error {
  override readonly name = 'InvalidJobNameError';
  readonly code = 'INVALID_JOB_NAME' as const;
  readonly retryable = false;

  constructor(readonly jobName: string) {
    super(`job name ${JSON.stringify(jobName)} is not kebab-case`);
  }
}
