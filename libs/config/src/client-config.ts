import { ConfigError } from './config-error.js';
import type { Environment } from './load-config.js';

/** What a client on the command line needs to know. */
export interface ClientConfig {
  /** Base address of the server, without a slash at its end. */
  url: string;
}

/** Reads ENTREPOT_URL; unset means the default address of this machine. @throws {ConfigError} */
export function loadClientConfig(env: Environment = process.env): ClientConfig {
  const url = env.ENTREPOT_URL?.trim() || 'http://127.0.0.1:2375';
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError([{ name: 'ENTREPOT_URL', expected: 'expected an http:// or https:// URL' }]);
  }
  return { url: url.replace(/\/+$/, '') };
}
