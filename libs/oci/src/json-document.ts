// Documents from registries and archives: capped in bytes and nesting before they are parsed, so that neither a
// huge nor a deep one costs more than a scan. Bad UTF-8 and what PostgreSQL cannot keep (NUL, lone surrogates) is refused.

/** Makes the error that names the document; `reason` is what is wrong with it. */
export type Fail = (reason: string) => Error;

/** A JSON object whose values nobody has looked at yet. */
export type JsonObject = Record<string, unknown>;

const maxDepth = 64;
const [quote, backslash, openBrace, openBracket, closeBrace, closeBracket] = Buffer.from('"\\{[}]');

/** The JSON object in `bytes`. Throws what `fail` makes when it is too large, too deep, or not an object. */
export function parseJsonObject(bytes: Uint8Array, maxBytes: number, fail: Fail): JsonObject {
  if (bytes.byteLength > maxBytes) throw fail(`larger than ${maxBytes} bytes`);
  if (isDeeperThan(bytes, maxDepth)) throw fail(`nested deeper than ${maxDepth} levels`);
  const value = parseJson(bytes, fail);
  if (!isJsonObject(value)) throw fail('not a JSON object');
  if (hasUnstorableText(value)) throw fail('text with a NUL character or a lone surrogate');
  return value;
}

/** Whether it is an object in JSON's sense: no array, no null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(bytes: Uint8Array, fail: Fail): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw fail('not valid JSON');
  }
}

function isDeeperThan(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === quote) inString = !inString;
    else if (inString) i += byte === backslash ? 1 : 0;
    else if (byte === openBrace || byte === openBracket) depth++;
    else if (byte === closeBrace || byte === closeBracket) depth--;
    if (depth > limit) return true;
  }
  return false;
}

function hasUnstorableText(value: unknown): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  if (typeof value === 'string') return /[\u0000\p{Surrogate}]/u.test(value);
  if (Array.isArray(value)) return value.some(hasUnstorableText);
  return isJsonObject(value) && Object.entries(value).some((entry) => entry.some(hasUnstorableText));
}
