import { digestOf } from './digest.js';
import { parseImageConfig } from './image-config.js';
import { printImageConfig } from './print-image-config.js';

const draft = {
  architecture: 'arm64',
  os: 'linux',
  variant: 'v8',
  created: new Date(0),
  author: 'me',
  diffIds: [digestOf(Buffer.from('layer'))],
  history: [
    { created: '1970-01-01T00:00:00Z', createdBy: 'x', emptyLayer: false },
    { comment: 'y', emptyLayer: true },
  ],
};

describe('a printed image config', () => {
  it('reads back as it was drafted', () => {
    const config = { Env: ['B=1', 'A=2'], Labels: { b: '1', a: '2' }, Cmd: ['sh'], WorkingDir: '/srv' };
    const parsed = parseImageConfig(printImageConfig({ ...draft, config }));
    expect(parsed).toMatchObject({ ...draft, created: '1970-01-01T00:00:00.000Z', config });
  });

  it('is the same whatever the order in which maps were filled, and another for another order of lists', () => {
    const one = printImageConfig({ ...draft, config: { Labels: { b: '1', a: '2' }, Env: ['B=1', 'A=2'] } });
    const same = printImageConfig({ ...draft, config: { Env: ['B=1', 'A=2'], Labels: { a: '2', b: '1' } } });
    const other = printImageConfig({ ...draft, config: { Env: ['A=2', 'B=1'], Labels: { a: '2', b: '1' } } });
    expect(same.equals(one)).toBe(true);
    expect(other.equals(one)).toBe(false);
  });

  it('leaves out what is empty', () => {
    const { variant: _variant, author: _author, ...plain } = draft;
    const text = String(printImageConfig({ ...plain, history: [{ emptyLayer: false }], config: { Cmd: undefined } }));
    expect(JSON.parse(text)).toMatchObject({ config: {}, history: [{}] });
    expect(text).not.toMatch(/author|variant|Cmd|os\.version/);
  });
});
