import type { ArchivePlan } from '@entrepot/archive';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ByteRange, parseRange } from './http-range.js';

/**
 * Writes the head of an answer that carries an archive or a part of it. `unsatisfiable` and `unchanged` are answered
 * already, but for sending nothing.
 */
export function openDownload(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { sizeBytes, etag }: Pick<ArchivePlan, 'sizeBytes' | 'etag'>,
): ByteRange | null | 'unsatisfiable' | 'unchanged' {
  const tag = `"${etag}"`;
  if (headers['if-none-match']?.split(',').some((known) => known.trim() === tag)) {
    void reply.code(304).header('etag', tag);
    return 'unchanged';
  }
  const range = parseRange({ range: headers.range, ifRange: headers['if-range'] as string }, sizeBytes, tag);
  if (range === 'unsatisfiable') {
    void reply.code(416).header('content-range', `bytes */${sizeBytes}`);
    return range;
  }
  openArchive(reply, { sizeBytes, etag }, range);
  return range;
}

/** The head for all of an archive, or a part. */
export function openArchive(
  reply: FastifyReply,
  { sizeBytes, etag }: Pick<ArchivePlan, 'sizeBytes' | 'etag'>,
  range: ByteRange | null,
): void {
  const { fromByte, toByte } = range ?? { fromByte: 0, toByte: sizeBytes };
  void reply.code(range ? 206 : 200).headers({
    'content-type': 'application/x-tar',
    'content-length': toByte - fromByte,
    'accept-ranges': 'bytes',
    etag: `"${etag}"`,
  });
  if (range) void reply.header('content-range', `bytes ${fromByte}-${toByte - 1}/${sizeBytes}`);
}
