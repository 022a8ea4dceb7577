/**
 * JSON that jsonb takes: NUL and halves of surrogate pairs, which it refuses, become U+FFFD. `JSON.stringify` escapes
 * exactly those halves, so no valid pair is touched.
 */
export function jsonbText(value: unknown): string {
  return JSON.stringify(value).replace(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, '$1\\ufffd');
}
