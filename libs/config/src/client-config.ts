import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './config-error.js';
import type { Environment } from './load-config.js';

/** What a client on the command line needs to know. */
export interface ClientConfig {
  /** Base address of the server, without a slash at its end. */
  url: string;
  /** Bearer token; none is needed on loopback. */
  token?: string;
  /** PEM file of the authority that signed the server's certificate. */
  caFile?: string;
}

const defaultUrl = 'http://127.0.0.1:2375';

const fileSchema = z.strictObject({
  url: z.string().optional(),
  token: z.string().optional(),
  ca: z.string().optional(),
});

/**
 * Reads ENTREPOT_URL, ENTREPOT_TOKEN and ENTREPOT_CA; what is not set comes from the file of ENTREPOT_CONFIG (default
 * `~/.config/entrepot/config.yaml`, which may be absent): `url`, `token`, `ca`.
 *
 * @throws {ConfigError} names the variable or the field, never its value
 */
export function loadClientConfig(env: Environment = process.env): ClientConfig {
  const file = readFile(env.ENTREPOT_CONFIG?.trim() || undefined, env.XDG_CONFIG_HOME?.trim() || undefined);
  const url = env.ENTREPOT_URL?.trim() || file.url || defaultUrl;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError([{ name: 'ENTREPOT_URL', expected: 'expected an http:// or https:// URL' }]);
  }
  const token = env.ENTREPOT_TOKEN?.trim() || file.token;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigError([{ name: 'ENTREPOT_TOKEN', expected: 'expected printable characters without spaces' }]);
  }
  const caFile = env.ENTREPOT_CA?.trim() || file.ca;
  return { url: url.replace(/\/+$/, ''), ...(token && { token }), ...(caFile && { caFile }) };
}

function readFile(named: string | undefined, configHome?: string): z.infer<typeof fileSchema> {
  const path = named ?? join(configHome ?? join(homedir(), '.config'), 'entrepot', 'config.yaml');
  let document: unknown;
  try {
    document = parse(readFileSync(path, 'utf8'), { maxAliasCount: 0, logLevel: 'error' }) ?? {};
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && named === undefined) return {};
    const expected = code === 'ENOENT' ? 'there is no such file' : 'expected a YAML file that can be read';
    throw new ConfigError([{ name: `ENTREPOT_CONFIG (${path})`, expected }]);
  }
  const parsed = fileSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path: field, message }) => ({
    name: `${path}: ${field.join('.') || 'file'}`,
    expected: message,
  }));
  throw new ConfigError(issues);
}
