import { parseDockerfile, stagesUpTo } from './parse-dockerfile.js';

const from = 'FROM scratch\n';

/** The one instruction after FROM, without where it stands. */
function commandOf(text: string) {
  const { stages } = parseDockerfile(from + text);
  const { line: _, source: __, ...command } = stages[0]?.commands[0] ?? { line: 0, source: '' };
  return command;
}

const transfer = { chown: null, chmod: null, from: null, checksum: null };

describe('an instruction', () => {
  it.each([
    [
      'ENV a=b c="d e" f=g\\ h',
      {
        kind: 'env',
        pairs: [
          ['a', 'b'],
          ['c', '"d e"'],
          ['f', 'g\\ h'],
        ],
      },
    ],
    ['env key some  value ', { kind: 'env', pairs: [['key', 'some  value']] }],
    ['ENV a=', { kind: 'env', pairs: [['a', '']] }],
    ['LABEL "a b"=c', { kind: 'label', literal: false, pairs: [['"a b"', 'c']] }],
    ["LABEL a='x=y'", { kind: 'label', literal: false, pairs: [['a', "'x=y'"]] }],
    ['ARG A', { kind: 'arg', args: [{ name: 'A', value: null }] }],
    [
      'ARG A=1 B=',
      {
        kind: 'arg',
        args: [
          { name: 'A', value: '1' },
          { name: 'B', value: '' },
        ],
      },
    ],
    ['COPY a b /c/', { kind: 'copy', ...transfer, sources: ['a', 'b'], destination: '/c/' }],
    ['COPY ["a b", "c"]', { kind: 'copy', ...transfer, sources: ['a b'], destination: 'c' }],
    [
      'COPY --from=0 --chown=a:b --chmod=755 a b',
      { kind: 'copy', ...transfer, from: '0', chown: 'a:b', chmod: '755', sources: ['a'], destination: 'b' },
    ],
    [
      'ADD --checksum=sha256:ab http://x/y /z',
      { kind: 'add', ...transfer, checksum: 'sha256:ab', sources: ['http://x/y'], destination: '/z' },
    ],
    ['WORKDIR /a b', { kind: 'workdir', value: '/a b' }],
    ['USER  nobody ', { kind: 'user', value: 'nobody' }],
    ['EXPOSE 80 22', { kind: 'expose', values: ['22', '80'] }],
    ['VOLUME ["/a b"]', { kind: 'volume', values: ['/a b'] }],
    ['VOLUME /a /b', { kind: 'volume', values: ['/a', '/b'] }],
    ['CMD echo "$HOME"', { kind: 'cmd', words: ['echo "$HOME"'], isShell: true }],
    ['CMD ["echo","x"]', { kind: 'cmd', words: ['echo', 'x'], isShell: false }],
    ['CMD ["echo" x]', { kind: 'cmd', words: ['["echo" x]'], isShell: true }],
    ['CMD []', { kind: 'cmd', words: [], isShell: false }],
    ['ENTRYPOINT exec a', { kind: 'entrypoint', words: ['exec a'], isShell: true }],
    ['RUN --mount=type=cache,target=/x make', { kind: 'run', words: ['make'], isShell: true }],
    ['SHELL ["sh", "-c"]', { kind: 'shell', values: ['sh', '-c'] }],
    ['STOPSIGNAL 9', { kind: 'stopsignal', value: '9' }],
    ['MAINTAINER me <me@x>', { kind: 'maintainer', value: 'me <me@x>' }],
    ['HEALTHCHECK NONE', { kind: 'healthcheck', health: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl x',
      { kind: 'healthcheck', health: { Test: ['CMD-SHELL', 'curl x'], Interval: 90e9, Timeout: 5e8, Retries: 3 } },
    ],
    ['HEALTHCHECK CMD ["a"]', { kind: 'healthcheck', health: { Test: ['CMD', 'a'] } }],
    ['ONBUILD COPY . /x', { kind: 'onbuild', trigger: 'COPY . /x' }],
  ])('%s', (text, expected) => {
    expect(commandOf(text)).toEqual(expected);
  });

  it.each([
    ['BOGUS x', 'unknown instruction: BOGUS'],
    ['ENV a', 'ENV must have two arguments'],
    ['ENV', 'ENV requires at least one argument'],
    ['ENV a=b c', `Syntax error - can't find = in "c". Must be of the form: name=value`],
    ['ENV =x', 'ENV names can not be blank'],
    ['COPY a', 'COPY requires at least two arguments, but only one was provided. Destination could not be determined'],
    ['COPY [1, 2]', 'when using JSON array syntax, arrays must be comprised of strings only.'],
    ['COPY --x=1 a b', 'unknown flag: x'],
    ['COPY --chown a b', 'missing a value on flag: chown'],
    ['COPY --from=a --from=b c d', 'duplicate flag specified: from'],
    ['CMD --x y', 'unknown flag: x'],
    ['WORKDIR', 'WORKDIR requires exactly one argument'],
    ['SHELL sh', 'SHELL requires the arguments to be in JSON form'],
    ['VOLUME [""]', 'VOLUME specified can not be an empty string'],
    ['HEALTHCHECK foo', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
    ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
    ['HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms'],
    ['HEALTHCHECK --timeout=abc CMD x', 'time: invalid duration "abc"'],
    ['ONBUILD ONBUILD ENV a=b', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
    ['ONBUILD BOGUS', 'unknown instruction: BOGUS'],
    ['FROM a b', 'FROM requires either one or three arguments'],
    ['FROM a AS 1x', `invalid name for build stage: "1x", name can't start with a number or contain symbols`],
    ['RUN <<EOF\necho\nEOF', 'heredocs are not supported: write what they hold to a file of the context'],
    ['COPY <<a <<"b" /x/\na\nb', 'heredocs are not supported: write what they hold to a file of the context'],
  ])('%j is refused, naming the line', (text, reason) => {
    expect(() => parseDockerfile(from + text)).toThrow(`dockerfile parse error on line 2: ${reason}`);
  });
});

describe('lines', () => {
  it('are joined where they end in the escape character, comments and empty lines between them left out', () => {
    const text = 'ENV a=b \\\n  # why\n\n  c=d \\  \n  e=f\nLABEL x=y\\\nz\n';
    const [stage] = parseDockerfile(from + text).stages;
    expect(stage?.commands.map(({ source, line }) => [source, line])).toEqual([
      ['ENV a=b   c=d   e=f', 2],
      ['LABEL x=yz', 7],
    ]);
  });

  it('may have another escape character, a byte order mark and carriage returns', () => {
    const { escapeChar, stages } = parseDockerfile('\uFEFF# escape=`\r\nFROM scratch\r\nENV a=C:\\x `\r\n b=1\r\n');
    expect(escapeChar).toBe('`');
    expect(stages[0]?.commands[0]).toMatchObject({
      pairs: [
        ['a', 'C:\\x'],
        ['b', '1'],
      ],
    });
  });

  it.each(['', '# only\n# comments\n', '\n\n'])('without an instruction are no Dockerfile: %j', (text) => {
    expect(() => parseDockerfile(text)).toThrow('file with no instructions');
  });
});

describe('stages', () => {
  const text = 'ARG V=1\nFROM a:$V AS One\nENV x=1\nFROM --platform=linux/arm64 b as two\nFROM two\n';

  it('begin with FROM; ARG may stand before', () => {
    const { metaArgs, stages } = parseDockerfile(text);
    expect(metaArgs).toMatchObject([{ args: [{ name: 'V', value: '1' }] }]);
    expect(stages).toMatchObject([
      { base: 'a:$V', name: 'one', platform: null, commands: [{ kind: 'env' }] },
      { base: 'b', name: 'two', platform: 'linux/arm64' },
      { base: 'two', name: null },
    ]);
  });

  it.each([
    ['', 3],
    ['ONE', 1],
    ['two', 2],
    ['1', 2],
  ])('up to %j are %d', (target, count) => {
    expect(stagesUpTo(parseDockerfile(text), target)).toHaveLength(count);
  });

  it('have no target that is not there, and nothing stands before them', () => {
    expect(() => stagesUpTo(parseDockerfile(text), 'none')).toThrow('failed to reach build target none in Dockerfile');
    expect(() => parseDockerfile('ENV a=b\nFROM x')).toThrow('line 1: no build stage in current context');
    expect(() => parseDockerfile('ARG a')).toThrow('there is no stage to build');
  });
});
