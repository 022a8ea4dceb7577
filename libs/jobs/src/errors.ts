/** A payload is not what its job carries. Names the fields, never their values. */
export class InvalidPayloadError extends Error {
  override readonly name = 'InvalidPayloadError';
  readonly code = 'INVALID_PAYLOAD' as const;
  readonly retryable = false;

  constructor(
    readonly jobName: string,
    readonly fields: readonly string[],
  ) {
    super(`job ${jobName}: invalid payload (${fields.join(', ')})`);
  }
}

/** The queue's backend refused, timed out or is closed. */
export class QueueUnavailableError extends Error {
  override readonly name = 'QueueUnavailableError';
  readonly code = 'QUEUE_UNAVAILABLE' as const;
  readonly retryable = true;

  constructor(
    readonly action: string,
    options?: ErrorOptions,
  ) {
    super(`queue unavailable: ${action}`, options);
  }
}

/** The queue's URL is neither Redis nor PostgreSQL. Never prints the URL, which may carry a password. */
export class QueueUrlError extends Error {
  override readonly name = 'QueueUrlError';
  readonly code = 'QUEUE_URL' as const;
  readonly retryable = false;

  constructor() {
    super('queue URL must start with redis://, rediss://, postgres:// or postgresql://');
  }
}

/** This process works on the job already. */
export class WorkerExistsError extends Error {
  override readonly name = 'WorkerExistsError';
  readonly code = 'WORKER_EXISTS' as const;
  readonly retryable = false;

  constructor(readonly jobName: string) {
    super(`job ${jobName} has a worker in this process already`);
  }
}
