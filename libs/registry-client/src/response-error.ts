import { familiarRepository } from '@entrepot/oci';
import { type Complaint, complaint, parseComplaint } from './complaint.js';
import {
  BlobUnknownError,
  ManifestUnknownError,
  RegistryDeniedError,
  type RegistryError,
  RegistryFaultError,
  RegistryLimitedError,
  RegistryProtocolError,
  RegistryUnauthorizedError,
  RepositoryUnknownError,
} from './errors.js';
import { headerOf, type ResponseHead } from './exchange.js';
import { retryAt } from './retry-after.js';
import { familiarSubject, type Subject } from './subject.js';

/** An answer that is not what was asked for. */
export interface RefusedResponse {
  host: string;
  subject: Subject;
  head: ResponseHead;
  body: Buffer;
}

/** The error for an answer of the registry itself, with the text dockerd would print. */
export function responseError(refused: RefusedResponse): RegistryError {
  const { head, host, subject } = refused;
  const said = parseComplaint(refused.body, head.status);
  const general = limitOrFault(host, head, said);
  if (subject.kind === 'search') return searchError(refused, said, general);
  if (general !== null) return general;
  if (head.status === 401) return unauthorized(refused, said);
  if (head.status === 403) return denied(refused, said);
  if (head.status === 404 && subject.kind !== 'ping') return unknown(refused, subject, said);
  const dockerMessage = said.isExplained ? said.text : `received unexpected HTTP status: ${statusLine(head)}`;
  return new RegistryProtocolError(host, `unexpected answer ${statusLine(head)}`, {
    status: head.status,
    dockerMessage,
  });
}

/** What a token endpoint or a storage can answer as well as a registry: too many requests, or trouble of its own. */
export function limitOrFault(host: string, head: ResponseHead, said: Complaint): RegistryError | null {
  const { status } = head;
  const retryAfter = headerOf(head, 'retry-after');
  if (status === 429 || said.code === 'TOOMANYREQUESTS' || (status === 503 && retryAfter !== undefined)) {
    return new RegistryLimitedError(host, retryAt(retryAfter), said.message, {
      status,
      dockerMessage: said.text,
      dockerStatus: status === 503 ? 503 : 429,
    });
  }
  if (status < 500 && status !== 408 && status !== 499) return null;
  const dockerMessage = `received unexpected HTTP status: ${statusLine(head)}`;
  return new RegistryFaultError(host, `registry ${host} answered ${statusLine(head)}`, { status, dockerMessage });
}

/** `500 Internal Server Error` */
export function statusLine({ status, statusText }: ResponseHead): string {
  return statusText === '' ? `${status}` : `${status} ${statusText}`;
}

/** To dockerd everything but 200 is the same. */
function searchError({ host, head }: RefusedResponse, said: Complaint, general: RegistryError | null): RegistryError {
  const { status } = head;
  const facts = { status, dockerMessage: `Unexpected status code ${status}` };
  if (general instanceof RegistryLimitedError) return general;
  if (general !== null) return new RegistryFaultError(host, general.message, facts);
  const reason = `registry ${host} refuses to be searched: ${said.message}`;
  if (status === 401) return new RegistryUnauthorizedError(host, reason, facts);
  if (status === 403) return new RegistryDeniedError(host, reason, facts);
  return new RegistryProtocolError(host, `unexpected answer ${statusLine(head)} to a search`, facts);
}

function unauthorized(refused: RefusedResponse, said: Complaint): RegistryError {
  const challenge = [refused.head.headers['www-authenticate']].flat().join(',');
  if (/error="?insufficient_scope/.test(challenge)) return denied(refused, complaint('DENIED'));
  return new RegistryUnauthorizedError(
    refused.host,
    `registry ${refused.host} wants other credentials: ${said.message}`,
    {
      status: refused.head.status,
      dockerMessage: said.text,
      dockerStatus: 401,
    },
  );
}

/** A bare DENIED is passed on by dockerd as it is; an explained one becomes its "not found, or log in". */
function denied({ host, head, subject }: RefusedResponse, said: Complaint): RegistryError {
  const what = familiarSubject(subject);
  const isAmbiguous = said.isExplained && 'repository' in subject;
  const name = 'repository' in subject ? familiarRepository(subject.repository) : '';
  const pullDenied = `pull access denied for ${name}, repository does not exist or may require 'docker login': ${said.text}`;
  return new RegistryDeniedError(host, `registry ${host} denies access to ${what}: ${said.message}`, {
    status: head.status,
    dockerMessage: isAmbiguous ? pullDenied : said.text,
    dockerStatus: isAmbiguous ? 404 : 403,
  });
}

function unknown(
  { host, head }: RefusedResponse,
  subject: Exclude<Subject, { kind: 'ping' | 'search' }>,
  said: Complaint,
): RegistryError {
  const facts = { status: head.status, dockerStatus: 404 };
  const what = familiarSubject(subject);
  if (subject.kind === 'tags' || said.code === 'NAME_UNKNOWN') {
    const text = said.code === 'NAME_UNKNOWN' ? said.text : complaint('NAME_UNKNOWN').text;
    const dockerMessage = `repository ${familiarRepository(subject.repository)} not found: ${text}`;
    return new RepositoryUnknownError(host, `registry ${host} has no repository ${subject.path}`, {
      ...facts,
      dockerMessage,
    });
  }
  if (subject.kind === 'blob') return new BlobUnknownError(host, subject.digest, facts);
  const text = said.code === 'MANIFEST_UNKNOWN' && said.isExplained ? said.text : complaint('MANIFEST_UNKNOWN').text;
  const dockerMessage = `manifest for ${what} not found: ${text}`;
  return new ManifestUnknownError(host, `registry ${host} has no manifest ${what}`, { ...facts, dockerMessage });
}
