import { goJsonError } from './go-json-error.js';

describe('goJsonError', () => {
  it.each([
    ['', 'EOF'],
    ['  \n', 'EOF'],
    ['not JSON', "invalid character 'o' in literal null (expecting 'u')"],
    ['nul', 'unexpected EOF'],
    ['fALSE', "invalid character 'A' in literal false (expecting 'a')"],
    ['<html>', "invalid character '<' looking for beginning of value"],
    ["'", "invalid character '\\'' looking for beginning of value"],
    ['[{"Config"', 'unexpected EOF'],
  ])('says of %j: %s', (text, message) => {
    expect(goJsonError(Buffer.from(text))).toBe(message);
  });
});
