import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/**
 * Answers with bytes that come in pieces, each good until the next one is asked for. What fails is thrown: before the first
 * piece it becomes a status, later the error filter logs it and cuts the connection, since nothing else tells a client
 * that its file is not whole.
 */
export async function sendPieces(reply: FastifyReply, pieces: AsyncGenerator<Buffer>): Promise<void> {
  const first = await pieces.next();
  const { raw } = reply.hijack();
  raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
  try {
    if (!first.done) await written(raw, first.value);
    for await (const piece of pieces) await written(raw, piece);
    raw.end();
  } finally {
    await pieces.return(undefined);
  }
}

function written(raw: ServerResponse, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}
