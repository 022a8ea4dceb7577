import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Aborts when the connection of this answer is closed, by whichever side. */
export function closedSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

/**
 * Answers with Docker's message stream: one JSON object per message, each sent at once. What fails before the first
 * message is thrown, so that it becomes a status; the messages must report what fails later.
 */
export async function sendMessages(reply: FastifyReply, messages: AsyncGenerator<object>): Promise<void> {
  const first = await messages.next();
  void reply
    .code(200)
    .header('content-type', 'application/json')
    .send(Readable.from(encode(first, messages)));
}

/** The same for messages that come as bytes from an archiver. */
export async function sendRelayed(reply: FastifyReply, bytes: AsyncGenerator<Buffer | string>): Promise<void> {
  const first = await bytes.next();
  void reply
    .code(200)
    .header('content-type', 'application/json')
    .send(Readable.from(from(first, bytes)));
}

async function* from<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value;
  yield* rest;
}

async function* encode(first: IteratorResult<object>, rest: AsyncGenerator<object>): AsyncGenerator<string> {
  if (first.done) return;
  try {
    yield line(first.value);
    for await (const message of rest) yield line(message);
  } finally {
    await rest.return(undefined);
  }
}

const line = (message: object): string => `${JSON.stringify(message)}\r\n`;
