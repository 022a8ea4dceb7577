import type { ByteRange } from './blob-store.js';

/** A range with both ends, `toByte` being Infinity for "to the end". @throws {RangeError} a mistake of the caller */
export function checkRange({ fromByte = 0, toByte = Number.POSITIVE_INFINITY }: ByteRange): Required<ByteRange> {
  const isEnd = toByte === Number.POSITIVE_INFINITY || Number.isSafeInteger(toByte);
  if (!Number.isSafeInteger(fromByte) || fromByte < 0 || !isEnd || toByte < fromByte) {
    throw new RangeError(`no byte range: from ${fromByte} to ${toByte}`);
  }
  return { fromByte, toByte };
}

/** @throws {RangeError} a mistake of the caller */
export function checkSize(sizeBytes: number | null): void {
  if (sizeBytes === null) return;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError(`no size of a blob: ${sizeBytes}`);
}
