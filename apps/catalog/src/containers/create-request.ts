import { posix } from 'node:path';
import type { ContainerDocuments } from '@entrepot/content';
import { type ContainerConfig, InvalidImageConfigError, parseImageConfig } from '@entrepot/oci';
import { z } from 'zod';
import { EngineError } from '../docker-engine/engine-error.js';

const text = z.string().max(65_536);
const set = z.record(text, z.unknown()).nullish();
const command = z.union([z.array(text), text.transform((word) => [word])]).nullish();

/** What matters of the body; the rest is kept as it came. */
const bodySchema = z.looseObject({
  Image: text,
  Hostname: text.nullish(),
  User: text.nullish(),
  Env: z.array(text).nullish(),
  Cmd: command,
  Entrypoint: command,
  WorkingDir: text.nullish(),
  Labels: z.record(text, text).nullish(),
  Volumes: set,
  ExposedPorts: set,
  StopSignal: text.nullish(),
  StopTimeout: z.int().nullish(),
  Shell: z.array(text).nullish(),
  Healthcheck: z.looseObject({}).nullish(),
  HostConfig: z.looseObject({ NetworkMode: text.nullish(), AutoRemove: z.boolean().nullish() }).nullish(),
});

export type CreateBody = z.infer<typeof bodySchema>;

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * Reads the body of `docker create`.
 *
 * @throws {EngineError} with dockerd's text
 */
export function parseCreateBody(body: Record<string, unknown>): CreateBody {
  if (Object.keys(body).length === 0) {
    throw new EngineError(400, 'config cannot be empty in order to create a container');
  }
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new EngineError(400, `invalid container config: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  if (parsed.data.Image === '') throw new EngineError(400, 'No image was specified');
  const directory = parsed.data.WorkingDir ?? '';
  if (directory !== '' && !directory.startsWith('/')) {
    throw new EngineError(400, `the working directory '${directory}' is invalid, it needs to be an absolute path`);
  }
  return parsed.data;
}

/**
 * Reads the name a container is to have, without Docker's slash.
 *
 * @throws {EngineError} with dockerd's text
 */
export function parseContainerName(name: string): string {
  const plain = name.replace(/^\//, '');
  if (!namePattern.test(plain) || plain.length > 255) {
    throw new EngineError(400, `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return plain;
}

/** The request over what the image says, by dockerd's rules. @throws {EngineError} neither has a command */
export function describeContainer(
  body: CreateBody,
  id: string,
  imageConfig: Record<string, unknown>,
): ContainerDocuments {
  const { HostConfig, NetworkingConfig: _, ...config } = body;
  const image = imageDefaults(imageConfig);
  const hasEntrypoint = (config.Entrypoint ?? []).length > 0;
  const hasCommand = (config.Cmd ?? []).length > 0;
  const networkMode = HostConfig?.NetworkMode ?? 'default';
  const Cmd = hasEntrypoint || hasCommand ? (config.Cmd ?? null) : (image.Cmd ?? null);
  // One empty word takes the image's away.
  const isReset = config.Entrypoint?.length === 1 && config.Entrypoint[0] === '';
  const Entrypoint = isReset ? null : (config.Entrypoint ?? image.Entrypoint ?? null);
  if ((Cmd ?? []).length === 0 && (Entrypoint ?? []).length === 0) throw new EngineError(400, 'No command specified');
  return {
    config: {
      ...config,
      Hostname: config.Hostname || id.slice(0, 12),
      User: config.User || (image.User ?? ''),
      Env: mergeEnv(config.Env ?? [], image.Env ?? []),
      Cmd,
      Entrypoint,
      WorkingDir: cleanDirectory(config.WorkingDir || (image.WorkingDir ?? '')),
      Labels: { ...image.Labels, ...config.Labels },
      Volumes: union(image.Volumes, config.Volumes),
      ExposedPorts: union(image.ExposedPorts, config.ExposedPorts),
      StopSignal: config.StopSignal || image.StopSignal,
      StopTimeout: config.StopTimeout ?? image.StopTimeout,
      Shell: config.Shell ?? undefined,
      Healthcheck:
        image.Healthcheck || config.Healthcheck ? { ...image.Healthcheck, ...config.Healthcheck } : undefined,
      OnBuild: null,
    },
    hostConfig: { ...HostConfig, NetworkMode: networkMode === 'default' ? 'bridge' : networkMode },
  };
}

function imageDefaults(document: Record<string, unknown>): ContainerConfig {
  try {
    return parseImageConfig(Buffer.from(JSON.stringify(document))).config;
  } catch (error) {
    if (error instanceof InvalidImageConfigError) return {};
    throw error;
  }
}

/** The request's variables first, then those of the image that it does not set. */
function mergeEnv(own: readonly string[], inherited: readonly string[]): string[] {
  const keys = new Set(own.map(keyOf));
  return [...own, ...inherited.filter((variable) => !keys.has(keyOf(variable)))];
}

const keyOf = (variable: string): string => variable.split('=', 1)[0] as string;

function union(a: object | undefined, b: object | null | undefined): Record<string, object> | null {
  const keys = [...Object.keys(a ?? {}), ...Object.keys(b ?? {})];
  return keys.length > 0 ? Object.fromEntries(keys.map((key) => [key, {}])) : null;
}

function cleanDirectory(directory: string): string {
  return directory === '' ? '' : posix.resolve('/', directory);
}
