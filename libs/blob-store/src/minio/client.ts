import http from 'node:http';
import https from 'node:https';
import { Client } from 'minio';

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

/** No answer, or no next byte of one, for this long ends a request. */
export const answerTimeoutMs = 60_000;

/** minio's client without its own retries, which print to the console and drop the status; with an end to waiting. */
export class S3Client extends Client {
  constructor({ host, port, tls, accessKey, secretKey, region }: S3Address) {
    super({
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

  /** What minio keeps to itself: the parts of one unfinished upload. */
  async parts(bucket: string, key: string, uploadId: string): Promise<{ part: number; etag: string; size: number }[]> {
    return this.listParts(bucket, key, uploadId);
  }
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
