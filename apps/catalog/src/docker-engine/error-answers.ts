import { isCodedError } from '@entrepot/oci';
import { HttpException } from '@nestjs/common';
import { UnsupportedApiVersionError } from './api-version.js';
import { EngineError } from './engine-error.js';

/** Status and text for a Docker client. */
export interface EngineAnswer {
  status: number;
  message: string;
  /** Nobody expected this error: log it, and do not show its text. */
  isFault: boolean;
}

interface Rule {
  matches(error: Error): boolean;
  answer(error: Error): { status: number; message: string };
}

const rules: readonly Rule[] = [
  on(EngineError, (error) => ({ status: error.status, message: error.message })),
  on(UnsupportedApiVersionError, (error) => ({ status: 400, message: error.message })),
  // Only the router throws Nest's own exceptions here.
  on(HttpException, (error) => ({
    status: error.getStatus(),
    message: error.getStatus() === 404 ? 'page not found' : error.message,
  })),
];

const statusByCode: Readonly<Record<string, number>> = {
  INVALID_REFERENCE: 400,
  INVALID_PLATFORM: 400,
  INVALID_DIGEST: 400,
  QUEUE_UNAVAILABLE: 503,
  BLOB_STORE_UNAVAILABLE: 503,
};

/** Turns any error into what dockerd would say. */
export function answerTo(error: unknown): EngineAnswer {
  if (!(error instanceof Error)) return fault();
  const rule = rules.find(({ matches }) => matches(error));
  if (rule) return { ...rule.answer(error), isFault: false };
  if (isRegistryError(error)) return answerToRegistry(error);
  if (isRequestError(error)) return { status: error.statusCode, message: error.message, isFault: false };
  if (!isCodedError(error)) return fault();
  const status = statusByCode[error.code] ?? 500;
  return { status, message: error.message, isFault: status >= 500 };
}

function fault(): EngineAnswer {
  return { status: 500, message: 'internal error, see the log of the catalog service', isFault: true };
}

/** dockerd keeps the registry's status, but at a 401 the CLI would ask for a login and hang. */
function answerToRegistry(error: Error & { dockerMessage: string; status?: number }): EngineAnswer {
  const keeps = error.status !== undefined && [403, 404, 429].includes(error.status);
  return { status: keeps ? (error.status as number) : 500, message: error.dockerMessage, isFault: false };
}

function isRegistryError(error: Error): error is Error & { dockerMessage: string; status?: number } {
  return 'dockerMessage' in error && typeof error.dockerMessage === 'string';
}

/** What Fastify says about a request it cannot take. */
function isRequestError(error: Error): error is Error & { statusCode: number } {
  return 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500;
}

function on<E extends Error>(
  type: abstract new (...args: never[]) => E,
  answer: (error: E) => { status: number; message: string },
): Rule {
  return { matches: (error) => error instanceof type, answer: (error) => answer(error as E) };
}
