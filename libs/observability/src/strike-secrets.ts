// Secrets reach a log by many ways: a header map, an error's own fields, a URL inside a message, a quoted JSON answer.
// So they are struck from the finished line, where all ways meet, and not from the objects that come in.

/** What stands where a secret was. */
const struck = '[struck]';

const secretName =
  'authorization|x-registry-auth|x-registry-config|cookie|passw(?:or)?d|secret|token|credential|api-?key';

/** The rest of a name. Bounded, like every repetition that may be tried from many places: a log line can be hostile. */
const near = '[^"\\\\]{0,40}';

/** `"password":"…"` in the line itself, or a list of such values; a value ends at the first quote that is not escaped. */
const value = '"(?:[^"\\\\]|\\\\.)*"';
const field = new RegExp(`("${near}(?:${secretName})${near}":)(?:${value}|\\[(?:${value},?)+\\])`, 'gi');
/** The same inside a text that is JSON in turn. */
const quotedField = new RegExp(`(\\\\"${near}(?:${secretName})${near}\\\\":\\s*\\\\")(?:(?!\\\\").)*`, 'gi');
/** `//user:password@host` */
const userInfo = /(:\/\/[^/\s"@:]{0,200}):[^/\s"]{1,1000}@/g;
/** `Bearer …`, `Basic …` */
const scheme = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
/** `?access_token=…`, and the signature of a signed link. */
const parameter = new RegExp(`([?&][^=&?\\s"]{0,40}(?:${secretName}|signature)[^=&?\\s"]{0,40}=)[^&\\s"\\\\]+`, 'gi');

/** Replaces what looks like a secret in a text or in a line of JSON, which stays JSON. */
export function strikeSecrets(text: string): string {
  return text
    .replace(field, `$1"${struck}"`)
    .replace(quotedField, `$1${struck}`)
    .replace(userInfo, `$1:${struck}@`)
    .replace(scheme, `$1 ${struck}`)
    .replace(parameter, `$1${struck}`);
}
