import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** The NN of Engine API 1.NN. */
export type ApiVersion = number;

/** What `Api-Version` announces, and what an unversioned path means. */
export const newestApiVersion = '1.50';

/** The oldest version that is served. */
export const oldestApiVersion = '1.24';

/** Without a dot it is no version of this API: `/v1/search` is that of a registry. */
const versionedPath = /^\/v([0-9]+\.[0-9.]*)(?=\/)/;

/** Splits `/v1.50/images/json` into `1.50` and `/images/json`; a path without prefix has the newest version. */
export function splitVersion(url: string): { version: string; rest: string } {
  const match = versionedPath.exec(url);
  if (!match) return { version: newestApiVersion, rest: url };
  return { version: match[1] as string, rest: url.slice(match[0].length) };
}

/**
 * Checks the version a client asks for.
 *
 * @throws {UnsupportedApiVersionError} not between 1.24 and 1.50
 */
export function checkVersion(version: string): void {
  const order = compareVersions(version, newestApiVersion);
  if (order > 0) throw new UnsupportedApiVersionError(version, 'new');
  if (compareVersions(version, oldestApiVersion) < 0) throw new UnsupportedApiVersionError(version, 'old');
}

/** The version of a request that has passed `checkVersion`. */
export function apiVersionOf(request: FastifyRequest): ApiVersion {
  const { version } = splitVersion(request.originalUrl);
  return Number(version.split('.')[1] ?? 0);
}

/** Gives a controller the API version of its request. */
export const EngineVersion = createParamDecorator(
  (_: unknown, context: ExecutionContext): ApiVersion => apiVersionOf(context.switchToHttp().getRequest()),
);

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The client speaks a version that this server does not. */
export class UnsupportedApiVersionError extends Error {
  override readonly name = 'UnsupportedApiVersionError';
  readonly code = 'UNSUPPORTED_API_VERSION' as const;
  readonly retryable = false;

  constructor(
    readonly version: string,
    readonly kind: 'new' | 'old',
  ) {
    super(
      kind === 'new'
        ? `client version ${version} is too new. Maximum supported API version is ${newestApiVersion}`
        : `client version ${version} is too old. Minimum supported API version is ${oldestApiVersion}, please upgrade your client to a newer version`,
    );
  }
}
