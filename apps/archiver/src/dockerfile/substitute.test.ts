import { substitute } from './substitute.js';

const variables = new Map([
  ['a', '1'],
  ['empty', ''],
  ['long_name2', 'x y'],
]);

describe('substitution', () => {
  it.each([
    ['plain', 'plain'],
    ['$a', '1'],
    ['${a}b', '1b'],
    ['$ab', ''],
    ['$none', ''],
    ['$', '$'],
    ['a$ b', 'a$ b'],
    ['$long_name2!', 'x y!'],
    ["'$a'", '$a'],
    ['"$a"', '1'],
    ['"${a:-x}"', '1'],
    ['\\$a', '$a'],
    ['"\\$a \\" \\n"', '$a " \\n'],
    ["it\\'s", "it's"],
    ['x\\', 'x'],
    ['${none:-def}', 'def'],
    ['${empty:-def}', 'def'],
    ['${empty-def}', ''],
    ['${none-def}', 'def'],
    ['${a:-def}', '1'],
    ['${a:+yes}', 'yes'],
    ['${empty:+yes}', ''],
    ['${empty+yes}', 'yes'],
    ['${none:+yes}', ''],
    ['${a:?no}', '1'],
    ['${none:-${empty:-$a}}', '1'],
    ['${none:-"a b"}', 'a b'],
    ["${none:-'$a'}", '$a'],
  ])('%s is %s', (word, expected) => {
    expect(substitute(word, variables)).toBe(expected);
  });

  it('goes by the escape character', () => {
    expect(substitute('C:\\x\\$a `$a', variables, '`')).toBe('C:\\x\\1 $a');
  });

  it.each([
    ['${a', "syntax error: missing '}'"],
    ['${', "syntax error: missing '}'"],
    ['${}', 'syntax error: bad substitution'],
    ['${:x}', 'syntax error: bad substitution'],
    ['${a:=x}', 'unsupported modifier (=) in substitution'],
    ['${none:?}', 'none: is not allowed to be empty'],
    ['${none?gone}', 'none: gone'],
    ["'a", 'unexpected end of statement while looking for matching single-quote'],
    ['"a', 'unexpected end of statement while looking for matching double-quote'],
  ])('%s is refused', (word, reason) => {
    expect(() => substitute(word, variables)).toThrow(reason);
  });
});
