import { rowsOf } from './images.js';

const digest = `sha256:${'a'.repeat(64)}` as const;
const image = {
  id: digest,
  tags: ['redis:7', 'redis:latest', 'host:5000/redis:7'],
  digests: [`redis@${digest}`, `other@${digest}`],
  parentId: null,
  createdAt: null,
  sizeBytes: 1,
  labels: {},
  platform: 'linux/amd64',
};
const names = (digests: boolean, of = image) => rowsOf(of, digests).map((row) => [row.repository, row.tag, row.digest]);

describe('the lines of an image in a list', () => {
  it('are one for each tag', () => {
    expect(names(false)).toEqual([
      ['redis', '7', digest],
      ['redis', 'latest', digest],
      ['host:5000/redis', '7', '<none>'],
    ]);
  });

  it('with digests, also one for each repository known only by digest', () => {
    expect(names(true).at(-1)).toEqual(['other', '<none>', digest]);
  });

  it('are one for an image without a name', () => {
    expect(names(false, { ...image, tags: [], digests: [] })).toEqual([['<none>', '<none>', '<none>']]);
    expect(names(false, { ...image, tags: [] })).toEqual([['redis', '<none>', digest]]);
  });
});
