import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Dispatcher } from 'undici';

const passedOn = ['content-type', 'content-length', 'x-docker-container-path-stat'] as const;

/**
 * Answers a client with what an archiver answered, as it comes. When that breaks off, so does the client's connection:
 * nothing else tells it that something is missing.
 */
export function relayAnswer(
  reply: FastifyReply,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  upload?: IncomingMessage,
): void {
  for (const name of passedOn) if (headers[name] !== undefined) void reply.header(name, headers[name]);
  // Whoever still sends must be able to come to an end, or it never reads the answer.
  upload?.resume();
  void reply.code(statusCode).send(body);
}
