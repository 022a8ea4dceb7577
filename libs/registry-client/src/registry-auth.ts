import type { Credential } from './upstream.js';

/**
 * Reads X-Registry-Auth: base64url of a JSON object with username and password, an identity token or a registry token.
 * Nothing, `{}` and nonsense all mean "no credential", as with dockerd.
 */
export function parseRegistryAuth(header: string | undefined): Credential | undefined {
  const fields = parseObject(Buffer.from(header ?? '', 'base64url').toString());
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  if (text('identitytoken') !== '') return { identityToken: text('identitytoken') };
  if (text('registrytoken') !== '') return { registryToken: text('registrytoken') };
  if (text('username') !== '') return { username: text('username'), password: text('password') };
  const [username = '', ...password] = Buffer.from(text('auth'), 'base64').toString().split(':');
  return username === '' ? undefined : { username, password: password.join(':') };
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
