import type { Config, ServiceConfig } from './config.js';

/** The environment as a process gets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the whole configuration. @throws {ConfigError} names every wrong variable */
export function loadConfig(_env: Environment = process.env): Config {
  throw new Error('not yet');
}

/** As `loadConfig`, for catalog, puller and archiver, which must be told all addresses and secrets. @throws {ConfigError} */
export function loadServiceConfig(_env: Environment = process.env): ServiceConfig {
  throw new Error('not yet');
}
