import type { Environment } from './load-config.js';

/** The environment for a process that this one starts: its own, with these variables set on top. */
export function childEnvironment(variables: Environment): NodeJS.ProcessEnv {
  return { ...process.env, ...variables };
}
