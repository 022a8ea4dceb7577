/** A part of a document: from the first byte, up to but without the last. */
export interface ByteRange {
  fromByte: number;
  toByte: number;
}

/** The headers of a request that ask for a part. */
export interface RangeRequest {
  range?: string;
  ifRange?: string;
}

/**
 * Which part of a document of this size and tag is asked for: `null` for all of it, and `unsatisfiable` when the part
 * lies beyond its end. Several parts, another unit or a tag that has changed mean all of it (RFC 9110, 13.1.5 and 14.2).
 */
export function parseRange(request: RangeRequest, sizeBytes: number, etag: string): ByteRange | 'unsatisfiable' | null {
  const asked = /^bytes=(\d*)-(\d*)$/.exec(request.range?.trim() ?? '');
  if (!asked || (request.ifRange !== undefined && request.ifRange.trim() !== etag)) return null;
  const [first, last] = [asked[1] ?? '', asked[2] ?? ''];
  if (first === '') return last === '' ? null : lastBytes(Number(last), sizeBytes);
  const fromByte = Number(first);
  const toByte = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < fromByte) return null;
  return fromByte >= sizeBytes ? 'unsatisfiable' : { fromByte, toByte };
}

function lastBytes(count: number, sizeBytes: number): ByteRange | 'unsatisfiable' {
  if (count === 0 || sizeBytes === 0) return 'unsatisfiable';
  return { fromByte: Math.max(0, sizeBytes - count), toByte: sizeBytes };
}
