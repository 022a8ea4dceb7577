import type { IncomingMessage } from 'node:http';
import { EngineError } from './engine-error.js';

const maxBodyBytes = 1024 * 1024;

/**
 * Reads the small JSON object that a request carries.
 *
 * @throws {EngineError} another type, not JSON, or too long
 */
export async function readJsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const type = request.headers['content-type'] ?? '';
  if (type !== '' && type.split(';')[0]?.trim() !== 'application/json') {
    throw new EngineError(400, `unsupported Content-Type header (${type}): must be 'application/json'`);
  }
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBodyBytes) throw new EngineError(400, `request body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return parseObject(Buffer.concat(chunks).toString());
}

/** Reads a body to its end: a client that is answered earlier may see its connection break instead of the answer. */
export async function discardBody(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new EngineError(400, `invalid JSON: ${(error as Error).message}`);
  }
  throw new EngineError(400, 'invalid JSON: not an object');
}
