import { digestOf } from './digest.js';
import { InvalidImageConfigError, maxImageConfigBytes, parseImageConfig, platformOf } from './image-config.js';

const [first, second] = ['1', '2'].map((text) => digestOf(Buffer.from(text)));
const rootfs = { type: 'layers', diff_ids: [first, second] };
const document = {
  architecture: 'arm64',
  os: 'linux',
  variant: 'v8',
  created: '2023-11-14T22:13:20.123456789Z',
  author: 'somebody',
  config: {
    User: '1000:1000',
    ExposedPorts: { '80/tcp': {} },
    Env: ['PATH=/bin'],
    Entrypoint: ['/run'],
    Cmd: null,
    Volumes: { '/state': {} },
    WorkingDir: '/app',
    Labels: { tier: 'app' },
    StopSignal: 'SIGQUIT',
    OnBuild: ['RUN x'],
    Shell: ['/bin/sh', '-c'],
    ArgsEscaped: true,
    Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 30_000_000_000, Retries: 3 },
    Unknown: 1,
  },
  rootfs,
  history: [
    { created: '2023-11-14T22:13:20+01:00', created_by: 'COPY x', comment: 'c', author: 'a' },
    { created_by: 'ENV x', empty_layer: true },
    {},
  ],
  'moby.buildkit.buildinfo.v1': 'x',
};

const parse = (json: unknown) => parseImageConfig(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));

describe('parseImageConfig', () => {
  it('reads a config', () => {
    const { Cmd, Unknown, ...known } = document.config;
    expect(parse(document)).toStrictEqual({
      architecture: 'arm64',
      os: 'linux',
      variant: 'v8',
      created: document.created,
      author: 'somebody',
      config: known,
      diffIds: [first, second],
      history: [
        { created: '2023-11-14T22:13:20+01:00', createdBy: 'COPY x', comment: 'c', author: 'a', emptyLayer: false },
        { createdBy: 'ENV x', emptyLayer: true },
        { emptyLayer: false },
      ],
      raw: document,
    });
  });

  it('needs nothing but a rootfs', () => {
    expect(parse({ rootfs: { type: 'layers' } })).toMatchObject({
      architecture: '',
      os: '',
      config: {},
      diffIds: [],
      history: [],
    });
    expect(parse({ rootfs, config: null, history: null, created: null })).toMatchObject({ config: {}, history: [] });
  });

  it('takes one text for a command of one word', () => {
    expect(parse({ rootfs, config: { Cmd: 'sh' } }).config.Cmd).toEqual(['sh']);
  });

  it.each(['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '2024-02-29T23:59:59.999999999-08:00'])(
    'takes the time %s',
    (created) => {
      expect(parse({ rootfs, created }).created).toBe(created);
    },
  );

  it.each<[string, unknown, string]>([
    ['no JSON', 'x', 'not valid JSON'],
    ['a list', [], 'not a JSON object'],
    ['no rootfs', {}, 'rootfs: type is missing'],
    ['a rootfs that is a text', { rootfs: 'x' }, 'rootfs must be an object'],
    ['another rootfs', { rootfs: { ...rootfs, type: 'layers+base' } }, 'rootfs: type is "layers+base", not "layers"'],
    ['a bad diff id', { rootfs: { ...rootfs, diff_ids: [first, 'x'] } }, 'rootfs: diff_ids[1] is not a digest'],
    ['diff ids that are no list', { rootfs: { ...rootfs, diff_ids: 'x' } }, 'rootfs: diff_ids must be a list'],
    ['an os that is a number', { rootfs, os: 1 }, 'os must be a string'],
    ['an os with a line break', { rootfs, os: 'a\nb' }, 'os must be short and plain text'],
    ['a config that is a list', { rootfs, config: [] }, 'config must be an object'],
    ['an Env that is a text', { rootfs, config: { Env: 'A=b' } }, 'config: Env must be a list of strings'],
    ['an Env with a number', { rootfs, config: { Env: [1] } }, 'config: Env must be a list of strings'],
    [
      'labels that are no texts',
      { rootfs, config: { Labels: { a: 1 } } },
      'config: Labels must be an object of strings',
    ],
    ['ports as a list', { rootfs, config: { ExposedPorts: ['80/tcp'] } }, 'config: ExposedPorts must be an object'],
    [
      'a bad health check',
      { rootfs, config: { Healthcheck: { Interval: '1s' } } },
      'config: Healthcheck: Interval must be an',
    ],
    ['history that is no list', { rootfs, history: {} }, 'history must be a list'],
    ['a bad step', { rootfs, history: [{}, { empty_layer: 'yes' }] }, 'history[1]: empty_layer must be a boolean'],
    ['a step that is a text', { rootfs, history: ['x'] }, 'history[0]: not a JSON object'],
    ['a step at no time', { rootfs, history: [{ created: 'x' }] }, 'history[0]: created is not an RFC 3339 time: "x"'],
    ['NUL in a label', { rootfs, config: { Labels: { a: 'b\u0000' } } }, 'text with a NUL character'],
    ['NUL in an unknown key', { rootfs, extra: [{ 'a\u0000': 1 }] }, 'text with a NUL character'],
    ['half a surrogate pair', '{"x":"\\ud83d"}', 'text with a NUL character or a lone surrogate'],
  ])('refuses %s', (_, json, reason) => {
    expect(() => parse(json)).toThrow(InvalidImageConfigError);
    expect(() => parse(json)).toThrow(`invalid image config: ${reason}`);
  });

  it.each([
    '',
    '2023-11-14',
    '2023-02-30T00:00:00Z',
    '2023-11-14T24:00:00Z',
    '2023-11-14T22:13:20',
    '0000-01-01T00:00:00Z',
    '2023-11-14t22:13:20z',
  ])('refuses the time %j', (created) =>
    expect(() => parse({ rootfs, created })).toThrow('created is not an RFC 3339 time'),
  );

  it('keeps whole surrogate pairs', () => {
    expect(parse({ rootfs, author: '🐳' }).author).toBe('🐳');
  });

  it('refuses a config over 8 MiB unread', () => {
    expect(() => parseImageConfig(Buffer.alloc(maxImageConfigBytes + 1))).toThrow('larger than 8388608 bytes');
  });
});

it.each([
  [
    { os: 'linux', architecture: 'x86_64' },
    { os: 'linux', architecture: 'amd64' },
  ],
  [
    { architecture: 'arm', variant: '6' },
    { os: 'linux', architecture: 'arm', variant: 'v6' },
  ],
  [
    { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' },
    { os: 'windows', architecture: 'amd64', osVersion: '10.0.1' },
  ],
])('platformOf %j', (fields, platform) => {
  expect(platformOf(parse({ ...fields, rootfs }))).toEqual(platform);
});
