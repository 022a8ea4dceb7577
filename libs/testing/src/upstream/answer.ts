import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.js';

/** What the upstream would say if nothing went wrong. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A JSON answer. */
export function jsonAnswer(status: number, body: object, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(`${JSON.stringify(body)}\n`),
  };
}

/** An error in the form of the distribution specification. */
export function errorAnswer(
  status: number,
  code: string,
  message: string,
  detail?: unknown,
  headers?: Record<string, string>,
): Answer {
  return jsonAnswer(status, { errors: [{ code, message, detail }] }, headers);
}

const statusCodes: Record<number, [code: string, message: string]> = {
  401: ['UNAUTHORIZED', 'authentication required'],
  403: ['DENIED', 'requested access to the resource is denied'],
  404: ['NOT_FOUND', 'not found'],
  429: ['TOOMANYREQUESTS', 'You have reached your pull rate limit.'],
};

/** Sends `answer` as the fault wants it; resolves when nothing more will be done. */
export async function sendAnswer(response: ServerResponse, answer: Answer, fault: Fault, isHead: boolean) {
  if (fault.delayMs !== undefined) await sleep(fault.delayMs);
  if (fault.neverAnswer) return;
  const { status, headers, body } = spoil(answer, fault);
  const isOpenEnded = fault.shortByBytes !== undefined || fault.endless === true;
  const length: Record<string, string> = isOpenEnded ? {} : { 'content-length': `${body.length}` };
  response.writeHead(status, edited({ ...length, ...headers }, fault.headers));
  if (isHead) {
    response.end();
    return;
  }
  await sendBody(response, body, fault);
}

function spoil(answer: Answer, fault: Fault): Answer {
  const chosen = fault.status === undefined ? answer : statusAnswer(fault.status, fault.body);
  let { body } = chosen;
  if (fault.wrongBytes) body = Buffer.from(body.map((byte) => byte ^ 0xff));
  if (fault.shortByBytes) body = body.subarray(0, Math.max(0, body.length - fault.shortByBytes));
  return { ...chosen, body };
}

function statusAnswer(status: number, body: Fault['body']): Answer {
  if (typeof body === 'string') return { status, headers: { 'content-type': 'text/plain' }, body: Buffer.from(body) };
  if (body !== undefined) return jsonAnswer(status, body);
  const [code, message] = statusCodes[status] ?? ['UNKNOWN', 'unknown error'];
  return status >= 400 ? errorAnswer(status, code, message) : { status, headers: {}, body: Buffer.alloc(0) };
}

function edited(headers: Record<string, string>, changes: Fault['headers'] = {}): Record<string, string> {
  const all = Object.entries({ ...headers, ...changes });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== null));
}

async function sendBody(response: ServerResponse, body: Buffer, fault: Fault): Promise<void> {
  const stopAfter = Math.min(fault.cutAfterBytes ?? body.length, fault.stallAfterBytes ?? body.length);
  const isStopped = fault.cutAfterBytes !== undefined || fault.stallAfterBytes !== undefined;
  if (!isStopped && !fault.endless && fault.bytesPerSecond === undefined) {
    response.end(body);
    return;
  }
  response.flushHeaders();
  await sendSlowly(response, body.subarray(0, stopAfter), fault.bytesPerSecond);
  if (fault.cutAfterBytes !== undefined) response.socket?.destroy();
  else if (fault.endless) await sendForEver(response);
  else if (!isStopped) response.end();
}

async function sendSlowly(response: ServerResponse, bytes: Buffer, bytesPerSecond?: number): Promise<void> {
  const pauseMs = 10;
  const step = bytesPerSecond === undefined ? bytes.length : Math.max(1, Math.round((bytesPerSecond * pauseMs) / 1000));
  for (let at = 0; at < bytes.length && !response.destroyed; at += step) {
    await written(response, bytes.subarray(at, at + step));
    if (bytesPerSecond !== undefined) await sleep(pauseMs);
  }
}

async function sendForEver(response: ServerResponse): Promise<void> {
  const filler = Buffer.alloc(64 * 1024, 'more');
  while (!response.destroyed) await written(response, filler);
}

/** Waits until the bytes are with the system, so that a cut afterwards does not take them back. */
function written(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(bytes, done);
  });
}
