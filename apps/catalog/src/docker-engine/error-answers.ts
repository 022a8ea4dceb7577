import { PruneRunningError } from '@entrepot/content';
import { ImageNotFoundError, PlatformNotFoundError } from '@entrepot/database';
import { formatPlatform, isCodedError } from '@entrepot/oci';
import { RegistryError } from '@entrepot/registry-client';
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
  on(ImageNotFoundError, (error) => ({ status: 404, message: `No such image: ${error.image}` })),
  on(PlatformNotFoundError, (error) => ({ status: 404, message: platformText(error) })),
  on(PruneRunningError, (error) => ({ status: 409, message: error.message })),
  // At a 401 the docker command would ask for a login, and hang where there is no terminal.
  on(RegistryError, (error) => ({
    status: error.dockerStatus === 401 ? 500 : error.dockerStatus,
    message: error.dockerMessage,
  })),
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
  // Never 401: the docker command would ask for a login to a registry.
  UNAUTHENTICATED: 403,
  ROLE_TOO_LOW: 403,
  IMAGE_CONFLICT: 409,
  CONTAINER_NOT_FOUND: 404,
  CONTAINER_NAME_TAKEN: 409,
  QUEUE_UNAVAILABLE: 503,
  BLOB_STORE_UNAVAILABLE: 503,
};

/** Turns any error into what dockerd would say. */
export function answerTo(error: unknown): EngineAnswer {
  if (!(error instanceof Error)) return fault();
  const rule = rules.find(({ matches }) => matches(error));
  if (rule) return { ...rule.answer(error), isFault: false };
  if (isRequestError(error)) return { status: error.statusCode, message: error.message, isFault: false };
  if (!isCodedError(error)) return fault();
  const status = statusByCode[error.code] ?? 500;
  // Errors with a code are written to be read; who has to act on a 5xx is whoever runs this service.
  return { status, message: error.message, isFault: status >= 500 };
}

function fault(): EngineAnswer {
  return { status: 500, message: 'internal error, see the log of the catalog service', isFault: true };
}

function platformText({ image, actual, wanted }: PlatformNotFoundError): string {
  const found = actual === undefined ? 'unknown' : formatPlatform(actual);
  const asked = formatPlatform(wanted);
  return `image with reference ${image} was found but its platform (${found}) does not match the specified platform (${asked})`;
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
