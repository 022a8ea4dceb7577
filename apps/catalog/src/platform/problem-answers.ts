import { STATUS_CODES } from 'node:http';
import { isCodedError } from '@entrepot/oci';
import type { Problem } from '@entrepot/platform-api';
import { RegistryError } from '@entrepot/registry-client';
import { HttpException } from '@nestjs/common';
import { ArchiverError } from '../archives/archiver-error.js';
import { EngineError } from '../docker-engine/engine-error.js';
import { PlatformError } from './platform-error.js';

/** An error as a client gets it. */
export interface ProblemAnswer {
  problem: Problem;
  headers: Record<string, string>;
  /** Nobody expected this error: log it, and do not show its text. */
  isFault: boolean;
}

/** Statuses of errors by their code; a coded error that is not here is a fault that may be read. */
const statusByCode: Readonly<Record<string, number>> = {
  INVALID_REFERENCE: 400,
  INVALID_PLATFORM: 400,
  INVALID_DIGEST: 400,
  INVALID_PATTERN: 400,
  INVALID_PACKAGE_RANGE: 400,
  UNAUTHENTICATED: 401,
  ROLE_TOO_LOW: 403,
  IMAGE_NOT_FOUND: 404,
  PLATFORM_NOT_FOUND: 404,
  SCHEDULE_NOT_FOUND: 404,
  SCHEDULE_EXISTS: 409,
  SCHEDULE_BUSY: 409,
  INVALID_CRON: 400,
  INVALID_RULE: 400,
  BATCH_NOT_FOUND: 404,
  BATCH_ENDED: 409,
  BACKLOG_FULL: 429,
  IMAGE_CONFLICT: 409,
  PRUNE_RUNNING: 409,
  HISTORY_MISMATCH: 409,
  QUEUE_UNAVAILABLE: 503,
  BLOB_STORE_UNAVAILABLE: 503,
};

/** Turns any error into a problem document. */
export function toProblem(error: unknown): ProblemAnswer {
  if (error instanceof PlatformError) {
    const { status, code, message, retryable, details } = error;
    const problem = { ...describe({ status, code, detail: message, retryable }), errors: details.errors };
    return { problem, headers: details.headers ?? {}, isFault: false };
  }
  if (error instanceof ArchiverError) {
    const { status, code, message: detail, retryable } = error;
    return { ...expected({ status, code, detail, retryable }), isFault: status === 500 };
  }
  // Said by what both APIs use.
  if (error instanceof EngineError) {
    const { status, message: detail } = error;
    const code = status >= 500 ? 'UNAVAILABLE' : 'INVALID_REQUEST';
    return expected({ status, code, detail, retryable: status === 503 });
  }
  if (error instanceof RegistryError) {
    return expected({ status: 502, code: error.code, detail: error.message, retryable: error.retryable });
  }
  // Only the router throws Nest's own exceptions here.
  if (error instanceof HttpException) return expected(routerProblem(error.getStatus(), error.message));
  if (isRequestError(error)) return expected(routerProblem(error.statusCode, error.message));
  if (!isCodedError(error)) {
    const detail = 'internal error, see the log of the catalog service';
    return { ...expected({ status: 500, code: 'INTERNAL', detail, retryable: false }), isFault: true };
  }
  const status = statusByCode[error.code] ?? 500;
  const { code, message: detail, retryable } = error;
  return { ...expected({ status, code, detail, retryable }), headers: headersOf[status] ?? {}, isFault: status >= 500 };
}

const headersOf: Readonly<Record<number, Record<string, string>>> = {
  // RFC 6750: how to be let in.
  401: { 'www-authenticate': 'Bearer realm="entrepot"' },
  // Thousands of items do not end sooner.
  429: { 'retry-after': '60' },
};

type Facts = Pick<Problem, 'status' | 'code' | 'detail' | 'retryable'>;

function expected(facts: Facts): ProblemAnswer {
  return { problem: describe(facts), headers: {}, isFault: false };
}

function describe(facts: Facts): Problem {
  const slug = facts.code.toLowerCase().replaceAll('_', '-');
  return { type: `urn:entrepot:problem:${slug}`, title: STATUS_CODES[facts.status] ?? 'Error', ...facts };
}

function routerProblem(status: number, message: string): Facts {
  if (status === 404)
    return { status, code: 'NO_SUCH_RESOURCE', detail: 'there is nothing at this address', retryable: false };
  return { status, code: 'INVALID_REQUEST', detail: message, retryable: false };
}

/** What Fastify says about a request it cannot take. */
function isRequestError(error: unknown): error is Error & { statusCode: number } {
  return (
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500
  );
}
