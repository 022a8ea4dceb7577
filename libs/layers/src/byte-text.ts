/**
 * Names in a tar are bytes, mostly UTF-8 and sometimes not; extended attributes are often binary. As text, every byte
 * that is no part of valid UTF-8 becomes a lone surrogate U+DC80…U+DCFF (as Python's surrogateescape has it), so text
 * can be compared, cut at slashes and written as JSON, and gives the same bytes back.
 */

const escapeBase = 0xdc00;
const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Bytes as text; the inverse of `bytesOfText`. */
export function textOfBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? escapeInvalid(bytes) : text;
}

/** The bytes that a text stands for. */
export function bytesOfText(text: string): Buffer {
  return loneSurrogate.test(text) ? unescapeText(text) : Buffer.from(text, 'utf8');
}

/** Text as it can be kept where only Unicode is allowed (PostgreSQL): escaped bytes become U+FFFD, NUL too. */
export function wellFormedText(text: string): string {
  return text.replace(new RegExp(loneSurrogate, 'g'), '\ufffd').replaceAll('\0', '\ufffd');
}

function escapeInvalid(bytes: Buffer): string {
  const parts: string[] = [];
  let valid = 0;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceBytes(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(bytes.toString('utf8', valid, at), String.fromCharCode(escapeBase + (bytes[at] ?? 0)));
    at += 1;
    valid = at;
  }
  parts.push(bytes.toString('utf8', valid));
  return parts.join('');
}

/** The length of the valid sequence at this place, 0 when there is none. */
function sequenceBytes(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0;
  for (let more = 1; more < length; more++) if (((bytes[at + more] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1] ?? 0;
  const overlong = (first === 0xe0 && second < 0xa0) || (first === 0xf0 && second < 0x90);
  const outside = (first === 0xed && second > 0x9f) || (first === 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

function unescapeText(text: string): Buffer {
  const parts: Buffer[] = [];
  let valid = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const low = text.charCodeAt(at + 1);
      if (low >= 0xdc00 && low <= 0xdfff) at += 1;
    } else if (unit >= escapeBase + 0x80 && unit <= escapeBase + 0xff) {
      parts.push(Buffer.from(text.slice(valid, at), 'utf8'), Buffer.from([unit - escapeBase]));
      valid = at + 1;
    }
  }
  parts.push(Buffer.from(text.slice(valid), 'utf8'));
  return Buffer.concat(parts);
}
