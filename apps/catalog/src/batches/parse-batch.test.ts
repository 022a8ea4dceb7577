import { InvalidBatchError, readItems, readTextBatch, readYamlBatch } from './parse-batch.js';

const issuesOf = (read: () => unknown): string[] => {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidBatchError) return error.issues.map(({ field, message }) => `${field}: ${message}`);
    throw error;
  }
  return [];
};

const text = (file: string) => {
  const { places, ...request } = readTextBatch(file);
  return readItems(request, places);
};

const yaml = (file: string) => {
  const { places, ...request } = readYamlBatch(file);
  return readItems(request, places);
};

describe('a batch as text', () => {
  it('has one reference a line, and comments', () => {
    const items = text(`# all of it\nredis\n\n  ghcr.io/a/b:1 # pinned\r\nh:5000/x@sha256:${'a'.repeat(64)}`);
    expect(items.map(({ reference, host }) => [reference, host])).toEqual([
      ['docker.io/library/redis:latest', 'docker.io'],
      ['ghcr.io/a/b:1', 'ghcr.io'],
      [`h:5000/x@sha256:${'a'.repeat(64)}`, 'h:5000'],
    ]);
  });

  it('names the lines that are wrong, all of them', () => {
    expect(issuesOf(() => text('redis\nBad:Ref:X\n\nscratch\nlibrary/redis:latest'))).toEqual([
      expect.stringContaining('line 2: "Bad:Ref:X": invalid reference format'),
      "line 4: 'scratch' is a reserved name",
      'line 5: docker.io/library/redis:latest is there already, at line 1',
    ]);
  });

  it('is not empty and has at most 10 000 items', () => {
    expect(issuesOf(() => text('# nothing\n'))).toEqual(['file: expected at least one item']);
    const lines = Array.from({ length: 10_001 }, (_, index) => `h/x:${index}`);
    expect(text(lines.slice(1).join('\n'))).toHaveLength(10_000);
    expect(issuesOf(() => text(lines.join('\n')))).toEqual(['line 10001: expected at most 10000 items, not 10001']);
  });
});

describe('a batch as YAML', () => {
  it('says more of each item, and of all of them', () => {
    const file =
      'platform: linux/arm64\nitems:\n  - redis:7\n  - reference: nginx\n    platform: linux/amd64\n    priority: high\n    labels: {team: a}\n';
    expect(yaml(file)).toEqual([
      expect.objectContaining({ reference: 'docker.io/library/redis:7', platform: 'linux/arm64', priority: 'normal' }),
      {
        reference: 'docker.io/library/nginx:latest',
        host: 'docker.io',
        platform: 'linux/amd64',
        priority: 'high',
        labels: { team: 'a' },
      },
    ]);
  });

  it('takes one image for several platforms', () => {
    const file = 'items:\n- {reference: redis, platform: linux/amd64}\n- {reference: redis, platform: linux/arm64}\n';
    expect(yaml(file)).toHaveLength(2);
  });

  it.each([
    ['items:\n- redis\n- {reference: redis, colour: red}\n', /^line 3: items\.1\.colour: is not known$/],
    ['items:\n- redis\nowner: a\ncolour: red\n', /^line 4: colour: is not known$/],
    ['items:\n- redis\n- 7\n', /^line 3: items\.1: expected a reference, or an object/],
    ['items: redis\n', /^line 1: items: /],
    ['items:\n- redis: [\n', /^line /],
    ['items:\n- redis\n- redis:latest\n', /^line 3: docker.io\/library\/redis:latest is there already, at line 2$/],
    ['items:\n- {reference: redis, platform: "no such thing"}\n', /^line 2: "redis": /],
    ['a: &a [redis]\nitems: *a\n', /^file: expected no aliases$/],
    ['', /^file: /],
  ])('%j is refused by its line', (file, issue) => {
    expect(issuesOf(() => yaml(file))[0]).toMatch(issue);
  });
});
