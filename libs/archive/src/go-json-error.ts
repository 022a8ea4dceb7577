/**
 * What Go's encoding/json says about bytes that are no JSON, for the cases people meet: another kind of file, an empty
 * one, a cut one. Docker passes these texts on.
 */
export function goJsonError(bytes: Buffer): string {
  const text = bytes.toString('latin1').trimStart();
  if (text === '') return 'EOF';
  const literal = literals.find((word) => word[0] === text[0]);
  if (literal) return literalError(text, literal);
  if (/^[[{"\d-]/.test(text)) return 'unexpected EOF';
  return `invalid character ${quoted(text[0])} looking for beginning of value`;
}

const literals = ['null', 'true', 'false'];

function literalError(text: string, literal: string): string {
  const at = [...literal].findIndex((character, index) => text[index] !== character);
  if (at === -1 || at >= text.length) return 'unexpected EOF';
  return `invalid character ${quoted(text[at])} in literal ${literal} (expecting ${quoted(literal[at])})`;
}

function quoted(character = ''): string {
  return character === "'" ? "'\\''" : `'${character}'`;
}
