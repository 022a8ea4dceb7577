import { ambiguousName, type Platform, parsePlatform, parseReference, withDefaultTag } from '@entrepot/oci';
import { type Credential, parseRegistryAuth } from '@entrepot/registry-client';
import { z } from 'zod';
import { BuildError } from './errors.js';
import type { BuildRequest } from './image-builder.js';

/** The query of `POST /build` as it comes. */
export type BuildQuery = Readonly<Record<string, string | string[] | undefined>>;

const falseValues = new Set(['', '0', 'no', 'false', 'none']);
const texts = z.record(z.string(), z.string().nullable());
const registryConfig = z.record(z.string(), z.record(z.string(), z.unknown()));

/**
 * Reads what a client wants to have built. `environmentEpoch` counts where no build argument says a time.
 *
 * @throws {BuildError} @throws {InvalidReferenceError} @throws {InvalidPlatformError}
 */
export function parseBuildRequest(
  query: BuildQuery,
  registryHeader: string | undefined,
  environmentEpoch: Date | null,
): BuildRequest {
  if (one(query.remote) !== '') {
    throw new BuildError(501, 'a build context at an address is not supported: send it, or clone it and send that');
  }
  if (one(query.version) === '2') throw new BuildError(501, 'BuildKit is not supported; set DOCKER_BUILDKIT=0');
  const buildArgs = textsOf(query.buildargs, 'buildargs');
  const epoch = buildArgs.get('SOURCE_DATE_EPOCH');
  return {
    dockerfile: one(query.dockerfile) || 'Dockerfile',
    tags: all(query.t).map((tag) => parseTag(tag)),
    target: one(query.target),
    buildArgs,
    labels: Object.fromEntries(textsOf(query.labels, 'labels')),
    platform: parseOptionalPlatform(one(query.platform)),
    pull: isTrue(query.pull),
    noCache: isTrue(query.nocache),
    quiet: isTrue(query.q),
    // Clients that say nothing get what dockerd's API has for a default.
    removeContainers: query.rm === undefined || isTrue(query.rm) || isTrue(query.forcerm),
    credentials: parseCredentials(registryHeader),
    epoch: epoch === undefined ? environmentEpoch : parseEpoch(epoch),
  };
}

/** Seconds since 1970, as the reproducible-builds project has it. @throws {BuildError} */
export function parseEpoch(text: string): Date {
  if (!/^\d{1,11}$/.test(text)) throw new BuildError(400, `invalid SOURCE_DATE_EPOCH: ${JSON.stringify(text)}`);
  return new Date(Number(text) * 1000);
}

function parseTag(text: string) {
  const reference = parseReference(text);
  if (reference.digest !== undefined) throw new BuildError(400, 'build tag cannot contain a digest');
  const reason = ambiguousName(reference);
  if (reason !== null) throw new BuildError(400, reason);
  return withDefaultTag(reference);
}

function parseOptionalPlatform(text: string): Platform | null {
  return text === '' ? null : parsePlatform(text.toLowerCase());
}

function textsOf(value: BuildQuery[string], name: string): Map<string, string> {
  const text = one(value);
  if (text === '') return new Map();
  const parsed = texts.nullable().safeParse(parseJson(text));
  if (!parsed.success) throw new BuildError(400, `error reading ${name}: not a JSON object of texts`);
  const known = Object.entries(parsed.data ?? {}).filter((pair): pair is [string, string] => pair[1] !== null);
  return new Map(known);
}

/** X-Registry-Config: by registry what X-Registry-Auth says of one. Nonsense means none, as with dockerd. */
function parseCredentials(header: string | undefined): Map<string, Credential> {
  const parsed = registryConfig.safeParse(parseJson(Buffer.from(header ?? '', 'base64url').toString()));
  const credentials = new Map<string, Credential>();
  for (const [address, fields] of Object.entries(parsed.data ?? {})) {
    const credential = parseRegistryAuth(Buffer.from(JSON.stringify(fields)).toString('base64url'));
    const host = address.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '';
    if (credential !== undefined) credentials.set(host === 'index.docker.io' ? 'docker.io' : host, credential);
  }
  return credentials;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const one = (value: BuildQuery[string]): string => (Array.isArray(value) ? value[0] : value) ?? '';

const all = (value: BuildQuery[string]): string[] => [value ?? []].flat().filter((text) => text !== '');

const isTrue = (value: BuildQuery[string]): boolean => !falseValues.has(one(value).toLowerCase());
