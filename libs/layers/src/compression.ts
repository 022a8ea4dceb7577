/** How bytes are packed, told from their first bytes; never from a media type or a file name. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

/** So many leading bytes are enough for `sniffCompression`. */
export const compressionMagicBytes = 6;

/** Looks at the first bytes of a stream. Fewer than `compressionMagicBytes` are allowed when the stream has no more. */
export function sniffCompression(head: Buffer): Compression {
  if (startsWith(head, 0x1f, 0x8b)) return 'gzip';
  if (startsWith(head, 0x28, 0xb5, 0x2f, 0xfd) || isSkippableFrame(head)) return 'zstd';
  if (startsWith(head, 0x42, 0x5a, 0x68)) return 'bzip2';
  if (startsWith(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  return 'none';
}

/** zstd streams may open with a frame of user data (50..5f 2a 4d 18). */
function isSkippableFrame(head: Buffer): boolean {
  return head.length >= 4 && ((head[0] ?? 0) & 0xf0) === 0x50 && startsWith(head.subarray(1), 0x2a, 0x4d, 0x18);
}

function startsWith(head: Buffer, ...magic: number[]): boolean {
  return magic.every((byte, at) => head[at] === byte);
}
