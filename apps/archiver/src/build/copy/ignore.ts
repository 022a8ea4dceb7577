import { matchesPath } from './match-path.js';

/**
 * Whether `.dockerignore` leaves a file of the top folder out. The docker command has applied it to everything else, but
 * always sends the Dockerfile and `.dockerignore` itself, which the server is to leave out then.
 */
export function isIgnored(rules: string, name: string): boolean {
  let ignored = false;
  for (const line of rules.split(/\r?\n/)) {
    const rule = line.trim();
    if (rule === '' || rule.startsWith('#')) continue;
    const isException = rule.startsWith('!');
    const pattern = (isException ? rule.slice(1).trim() : rule).replace(/\/+$/, '').replace(/^(?:\/|\.\/|\*\*\/)+/, '');
    if (pattern === '**' || matchesPath(pattern, name)) ignored = !isException;
  }
  return ignored;
}
