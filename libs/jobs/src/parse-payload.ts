import type { JobDefinition } from './define-job.js';
import { InvalidPayloadError } from './errors.js';

/** Checks what a job carries, on the way in and on the way out. @throws {InvalidPayloadError} */
export function parsePayload<T>(job: JobDefinition<T>, payload: unknown): T {
  const parsed = job.payload.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw new InvalidPayloadError(
    job.name,
    parsed.error.issues.map((issue) => issue.path.join('.') || 'payload'),
  );
}
