import http from 'node:http';
import https from 'node:https';
import type { Client } from 'minio';
import type { Agent } from 'undici';

/** Where a bucket is and who asks. */
export interface S3Address {
  host: string;
  port: number;
  tls: boolean;
  accessKey: string;
  secretKey: string;
  /** Without it minio asks the server where the bucket is before anything else. */
  region: string;
  bucket: string;
}

const connectTimeoutMs = 10_000;
const maxConnections = 64;

/** No answer, or no next byte of one, for this long ends a request. */
export const answerTimeoutMs = 60_000;

/** minio's client without its own retries, which print to the console and drop the status; with an end to waiting. */
export interface S3Client extends Client {
  /** What minio keeps to itself: the parts of one unfinished upload. */
  parts(bucket: string, key: string, uploadId: string): Promise<{ part: number; etag: string; size: number }[]>;
}

/** What a bucket is spoken to with. */
export interface S3Tools {
  client: S3Client;
  /** For what has a body. */
  agent: Agent;
}

/** Both libraries are loaded here and not before: they take 40 MB, which who keeps blobs in a folder does not owe. */
export async function openS3(address: S3Address): Promise<S3Tools> {
  const { Agent } = await import('undici');
  const agent = new Agent({
    connections: maxConnections,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    connect: { timeout: connectTimeoutMs },
  });
  return { client: await openClient(address), agent };
}

async function openClient({ host, port, tls, accessKey, secretKey, region }: S3Address): Promise<S3Client> {
  const { Client } = await import('minio');
  class PatientClient extends Client implements S3Client {
    async parts(bucket: string, key: string, uploadId: string): ReturnType<S3Client['parts']> {
      return this.listParts(bucket, key, uploadId);
    }
  }
  return new PatientClient({
    endPoint: host,
    port,
    useSSL: tls,
    accessKey,
    secretKey,
    region,
    retryOptions: { disableRetry: true },
    transport: patientTransport(tls),
    transportAgent: new (tls ? https : http).Agent({ keepAlive: true }),
  });
}

/**
 * minio never gives up on a silent server, and leaves the body of a 5xx unread,
 * which would hold its socket for ever.
 */
function patientTransport(tls: boolean): Pick<typeof http, 'request'> {
  const send = (options: https.RequestOptions, onResponse: (response: http.IncomingMessage) => void) => {
    const request = (tls ? https : http).request(options, (response) => {
      if (leftUnread.includes(response.statusCode ?? 0)) response.resume();
      onResponse(response);
    });
    request.setTimeout(answerTimeoutMs, () => request.destroy(new Error(`no answer for ${answerTimeoutMs} ms`)));
    return request;
  };
  return { request: send as typeof http.request };
}

const leftUnread = [408, 429, 499, 500, 502, 503, 504, 520];
