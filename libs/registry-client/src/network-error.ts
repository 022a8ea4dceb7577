import { isIPv6 } from 'node:net';
import { type RegistryError, RegistryProtocolError, RegistryUnreachableError } from './errors.js';
import type { NetworkFailure } from './exchange.js';
import { UnsafeHopError } from './hop-safety.js';
import { resetCode } from './paused-socket.js';

/** What went wrong below HTTP, as an error of ours with the text Go's network code would give to dockerd. */
export function networkError(host: string, failure: NetworkFailure): RegistryError {
  const cause = rootCause(failure.cause);
  if (cause instanceof UnsafeHopError) return new RegistryProtocolError(host, cause.message, { cause });
  const { reason, goText, isFinal = false } = explain(cause, failure);
  const { origin, pathname, search } = failure.url;
  const dockerMessage = `Get "${origin}${pathname.endsWith('/v1/search') ? pathname + search : '/v2/'}": ${goText}`;
  if (isFinal) return new RegistryProtocolError(host, reason, { cause, dockerMessage });
  const where = failure.url.host === host ? reason : `${reason} (${failure.url.host})`;
  return new RegistryUnreachableError(host, where, { cause, dockerMessage });
}

interface Explanation {
  reason: string;
  goText: string;
  /** Trying again will not help. */
  isFinal?: boolean;
}

/** The fields that Node's network errors have, as far as they have them. */
interface NetworkCause extends NodeJS.ErrnoException {
  address?: string;
  port?: number;
  hostname?: string;
}

const untrusted = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';

const certificateTexts: Record<string, string> = {
  CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls: failed to verify certificate: x509: certificate is not valid for this name',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
};

const connectTexts: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
};

function explain(cause: NetworkCause, { url }: NetworkFailure): Explanation {
  const { code = '', address, port } = cause;
  const certificate = certificateTexts[code];
  if (certificate !== undefined)
    return { reason: `certificate not trusted (${code})`, goText: certificate, isFinal: true };
  const connect = connectTexts[code];
  const dialled = address === undefined ? url.host : `${isIPv6(address) ? `[${address}]` : address}:${port ?? ''}`;
  if (connect !== undefined) return { reason: connect, goText: `dial tcp ${dialled}: connect: ${connect}` };
  const named = explainName(code, cause.hostname ?? url.hostname);
  return named ?? explainTraffic(code, cause, url);
}

function explainName(code: string, hostname: string): Explanation | null {
  if (code === 'ENOTFOUND')
    return { reason: `no such host ${hostname}`, goText: `dial tcp: lookup ${hostname}: no such host` };
  if (code !== 'EAI_AGAIN') return null;
  return {
    reason: `the name ${hostname} cannot be looked up now`,
    goText: `dial tcp: lookup ${hostname}: server misbehaving`,
  };
}

function explainTraffic(code: string, cause: Error, url: URL): Explanation {
  switch (code) {
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return { reason: 'connecting timed out', goText: `dial tcp ${url.host}: i/o timeout` };
    case 'UND_ERR_HEADERS_TIMEOUT':
      return { reason: 'no answer in time', goText: 'net/http: timeout awaiting response headers' };
    case 'UND_ERR_BODY_TIMEOUT':
      return { reason: 'the answer stalled', goText: `read tcp ${url.host}: i/o timeout` };
    case 'ECONNRESET':
    case resetCode:
      return { reason: 'connection reset', goText: `read tcp ${url.host}: read: connection reset by peer` };
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return { reason: 'it speaks no TLS', goText: 'http: server gave HTTP response to HTTPS client', isFinal: true };
  }
  // Not final: it may be the body after a HEAD, where none belongs; the connection is closed now.
  if (cause.name === 'HTTPParserError') return { reason: 'its answer is no HTTP', goText: 'malformed HTTP response' };
  return { reason: cause.message, goText: 'EOF' };
}

/** Several addresses were tried: the first failure speaks for all. */
function rootCause(error: Error): NetworkCause {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first : error;
}
