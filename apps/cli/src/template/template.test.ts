import { compileTemplate } from './template.js';

const value = {
  Name: 'redis',
  Tags: ['7', 'latest'],
  Config: { Env: ['A=1', 'B=2'], Labels: { tier: 'app', 'com.example': 'x' } },
  Size: 34_500_000,
  Empty: '',
  NoTags: [],
  Nothing: null,
  Official: true,
};

describe('Go templates', () => {
  it.each([
    ['{{.Name}}', 'redis'],
    ['{{ .Config.Env }}', '[A=1 B=2]'],
    ['{{.Config.Labels}}', 'map[com.example:x tier:app]'],
    ['{{index .Config.Labels "com.example"}}', 'x'],
    ['{{(index .Tags 1)}}', 'latest'],
    ['{{json .Config.Env}}', '["A=1","B=2"]'],
    ['{{.Tags | json}}', '["7","latest"]'],
    ['{{join .Tags ", "}}', '7, latest'],
    ['{{upper .Name | printf "%q"}}', '"REDIS"'],
    ['{{printf "%-8s|%5d|%05.1f" .Name 42 3.14159}}', 'redis   |   42|003.1'],
    ['{{len .Tags}} {{len .Name}}', '2 5'],
    ['{{if .Empty}}yes{{else}}no{{end}}', 'no'],
    ['{{if eq .Name "mysql" "redis"}}cache{{else if .Official}}other{{end}}', 'cache'],
    ['{{if and .Official (gt .Size 1000)}}big{{end}}', 'big'],
    ['{{if or .Empty (not .Official)}}a{{else}}b{{end}}', 'b'],
    ['{{range .Tags}}<{{.}}>{{end}}', '<7><latest>'],
    ['{{range $i, $tag := .Tags}}{{$i}}={{$tag}} {{end}}', '0=7 1=latest '],
    ['{{range $key, $value := .Config.Labels}}{{$key}}:{{$value}};{{end}}', 'com.example:x;tier:app;'],
    ['{{range .NoTags}}x{{else}}none{{end}}', 'none'],
    ['{{range .Tags}}{{if eq . "latest"}}{{break}}{{end}}{{.}}{{end}}', '7'],
    ['{{with .Config}}{{len .Env}}{{end}}', '2'],
    ['{{with $c := .Config}}{{$c.Env | len}} {{$.Name}}{{end}}', '2 redis'],
    ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
    ['a {{- .Name -}}   b', 'aredisb'],
    ['a {{- /* why */ -}} b', 'ab'],
    ['{{/* why */}}{{.Name}}', 'redis'],
    ['{{"quoted \\"x\\"\\t"}}{{`raw \\t`}}', 'quoted "x"\traw \\t'],
    ['{{.Nothing}}', '<no value>'],
    ['{{println .Name .Size}}', 'redis 34500000\n'],
    ['{{split "a,b" "," | json}}', '["a","b"]'],
    ['{{title "two words"}} {{truncate .Name 3}} {{pad "x" 1 2}}.', 'Two Words red  x  .'],
    ['{{slice .Name 1 3}}', 'ed'],
    ['{{(index .Tags 0) | len}}', '1'],
    ['plain', 'plain'],
  ])('carries out %s', (source, output) => {
    expect(compileTemplate(source).execute(value)).toBe(output);
  });

  it.each([
    ['{{.Name', 'template:1: unclosed action'],
    ['{{.Name}', 'template:1: unexpected "}" in command'],
    ['a\n{{if .Name}}', 'template:2: {{if}} without {{end}}'],
    ['{{end}}', 'template:1: unexpected {{end}}'],
    ['{{nope .Name}}', 'template: function "nope" not defined'],
    ['{{"open}}', 'template:1: unterminated quoted string'],
    ['{{}}', 'template:1: missing value for command'],
    ['{{(.Name}}', 'template:1: unclosed left paren'],
    ['{{template "x"}}', 'template:1: {{template}} is not supported'],
  ])('refuses %s', (source, message) => {
    expect(() => compileTemplate(source)).toThrow(message);
  });

  it.each([
    ['{{.Missing}}', 'map has no entry for key "Missing"'],
    ['{{.Name.More}}', "can't evaluate field More in string"],
    ['{{index .Tags 7}}', 'index out of range: 7'],
    ['{{upper .Size}}', 'expected string; found 34500000'],
    ['{{range .Official}}{{end}}', "range can't iterate over true"],
    ['{{lt .Name .Size}}', 'incompatible types for comparison'],
    ['{{$nope}}', 'undefined variable "$nope"'],
  ])('fails on values that do not fit %s', (source, message) => {
    expect(() => compileTemplate(source).execute(value)).toThrow(message);
  });

  it('knows the fields that make a header', () => {
    expect(compileTemplate('{{.Name}}\t{{if .Official}}{{upper .Empty}}{{end}}').fields).toEqual([
      'Name',
      'Official',
      'Empty',
    ]);
  });
});
