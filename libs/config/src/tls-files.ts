import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsConfig } from './config.js';
import type { ConfigIssue } from './config-error.js';

const names = { cert: 'ENTREPOT_TLS_CERT', key: 'ENTREPOT_TLS_KEY', clientCa: 'ENTREPOT_TLS_CLIENT_CA' };

/** Reads the files that the variables of TLS name; nothing when none is named. Never throws. */
export function readTlsFiles(paths: { cert?: string; key?: string; clientCa?: string }): {
  tls?: TlsConfig;
  issues: ConfigIssue[];
} {
  const issues: ConfigIssue[] = [];
  if (paths.cert === undefined && paths.key === undefined && paths.clientCa === undefined) return { issues };
  const read = (part: keyof typeof names, check: (pem: string) => unknown, expected: string): string => {
    const path = paths[part];
    if (path === undefined) {
      if (part !== 'clientCa') issues.push({ name: names[part], expected: `must be set too: ${expected}` });
      return '';
    }
    try {
      const pem = readFileSync(path, 'utf8');
      check(pem);
      return pem;
    } catch {
      issues.push({ name: names[part], expected: `expected ${expected}` });
      return '';
    }
  };
  const cert = read('cert', (pem) => new X509Certificate(pem), 'a file of certificates in PEM');
  const key = read('key', (pem) => createPrivateKey(pem), 'a file with the private key of the certificate in PEM');
  const clientCa = read('clientCa', (pem) => new X509Certificate(pem), 'a file of certificates in PEM');
  if (issues.length === 0 && !fit(cert, key)) {
    issues.push({ name: names.key, expected: 'expected the private key of the certificate' });
  }
  return { tls: { cert, key, clientCa: clientCa === '' ? undefined : clientCa }, issues };
}

function fit(cert: string, key: string): boolean {
  try {
    createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}
