import { createLogger, type LogLevel, withContext } from './logger.js';

describe('the logger', () => {
  const lines: string[] = [];
  const open = (level?: LogLevel) =>
    createLogger({ service: 'puller', level, destination: { write: (line) => void lines.push(line) } });
  const last = () => JSON.parse(lines.at(-1) ?? 'null');

  beforeEach(() => {
    lines.length = 0;
  });

  it('writes one JSON object a line, with service, level and time', () => {
    open().info({ pullId: 'p' }, 'pulled');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(last()).toMatchObject({ service: 'puller', level: 'info', msg: 'pulled', pullId: 'p', pid: process.pid });
    expect(new Date(last().time).toISOString()).toBe(last().time);
  });

  it('leaves out what is below its level', () => {
    const logger = open('warn');
    logger.info('no');
    logger.warn('yes');
    open('silent').fatal('no');
    expect(lines).toHaveLength(1);
  });

  it('adds context to every line, deeper context on top', () => {
    const logger = withContext(withContext(open(), { pullId: 'p' }), { digest: 'sha256:ab' });
    logger.info('a');
    logger.error('b');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ pullId: 'p', digest: 'sha256:ab', msg: 'a' }),
      expect.objectContaining({ pullId: 'p', digest: 'sha256:ab', msg: 'b', level: 'error' }),
    ]);
  });

  it('writes an error with its code, its stack and its cause', () => {
    const cause = new Error('connect ECONNREFUSED');
    const error = Object.assign(new Error('queue unavailable', { cause }), { code: 'QUEUE_UNAVAILABLE' });
    open().warn({ err: error, leftOut: 3 }, 'queue trouble');
    expect(last().err).toMatchObject({ message: 'queue unavailable', code: 'QUEUE_UNAVAILABLE' });
    expect(last().err.stack).toContain('logger.test');
    expect(last().err.cause).toMatchObject({ message: 'connect ECONNREFUSED' });
  });

  it.each<[string, (logger: ReturnType<typeof open>) => void]>([
    ['a field', (logger) => logger.info({ password: 'hunter2' }, 'x')],
    ['headers', (logger) => logger.info({ request: { headers: { Authorization: 'Bearer hunter2-hunter2' } } })],
    ['context', (logger) => withContext(logger, { credential: { token: 'hunter2' } }).info('x')],
    ['an error', (logger) => logger.error({ err: Object.assign(new Error('x'), { registryToken: 'hunter2' }) })],
    ['a cause', (logger) => logger.error({ err: new Error('x', { cause: new Error('redis://:hunter2@r') }) })],
    ['a message', (logger) => logger.info('connecting to postgres://me:hunter2@db')],
    ['a message that is put together', (logger) => logger.info('%j', { secret: 'hunter2' })],
  ])('strikes the secrets of %s, and the line stays JSON', (_what, log) => {
    log(open());
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('[struck]');
    expect(last().service).toBe('puller');
  });
});
