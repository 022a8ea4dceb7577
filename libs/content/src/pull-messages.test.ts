import { type Digest, parseReference } from '@entrepot/oci';
import { type BlobView, PullMessages, type PullView, statusMessage } from './pull-messages.js';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const layer = (letter: string, change: Partial<BlobView> = {}): BlobView => ({
  digest: digest(letter),
  sizeBytes: 10_000_000,
  isLayer: true,
  wasHere: false,
  bytesDone: 0,
  stored: false,
  ...change,
});
const config = (change: Partial<BlobView> = {}): BlobView => layer('f', { isLayer: false, sizeBytes: 300, ...change });
const view = (blobs: BlobView[], change: Partial<PullView> = {}): PullView => ({ blobs, lines: [], ...change });
const texts = (messages: { id?: string; status?: string }[]): string[] =>
  messages.map(({ id, status }) => (id ? `${id.slice(0, 3)}: ${status}` : (status ?? '')));

describe('pull messages', () => {
  const open = (name = '127.0.0.1:5601/demo/app:1') => new PullMessages(parseReference(name));

  it('say nothing before it is known what the pull needs', () => {
    const messages = open();
    expect(messages.update(view([]))).toEqual([]);
    expect(messages.opened).toBe(false);
  });

  it('tell shared layers from missing ones, in order, and those that have to wait', () => {
    const blobs = [
      config(),
      layer('a', { wasHere: true, stored: true }),
      ...['b', 'c', 'd', 'e'].map((it) => layer(it)),
    ];
    expect(texts(open().update(view(blobs)))).toEqual([
      '1: Pulling from demo/app',
      'aaa: Already exists',
      'bbb: Pulling fs layer',
      'ccc: Pulling fs layer',
      'ddd: Pulling fs layer',
      'eee: Pulling fs layer',
      'eee: Waiting',
    ]);
  });

  it('carry progress once a layer has moved by a step', () => {
    const messages = open();
    messages.update(view([config(), layer('b')]));
    expect(messages.update(view([config(), layer('b', { bytesDone: 50_000 })]))).toEqual([]);
    expect(messages.update(view([config(), layer('b', { bytesDone: 500_000 })]))).toEqual([
      {
        status: 'Downloading',
        progressDetail: { current: 500_000, total: 10_000_000 },
        progress: '[==>                                                ]    500kB/10MB',
        id: 'b'.repeat(12),
      },
    ]);
  });

  it('complete layers in their order, whatever order they came in', () => {
    const messages = open();
    messages.update(view([config(), layer('a'), layer('b')]));
    const second = messages.update(view([config(), layer('a'), layer('b', { stored: true })]));
    expect(texts(second)).toEqual(['bbb: Downloading', 'bbb: Verifying Checksum', 'bbb: Download complete']);
    const both = messages.update(view([config(), layer('a', { stored: true }), layer('b', { stored: true })]));
    expect(texts(both)).toEqual([
      'aaa: Downloading',
      'aaa: Verifying Checksum',
      'aaa: Download complete',
      'aaa: Pull complete',
      'bbb: Pull complete',
    ]);
  });

  it('have no layer lines for an image that is here already', () => {
    const here = { wasHere: true, stored: true };
    const messages = open();
    const now = view([config(here), layer('a', here)], { target: digest('9'), outcome: 'up-to-date' });
    expect(texts([...messages.update(now), ...messages.close(now)])).toEqual([
      '1: Pulling from demo/app',
      `Digest: ${digest('9')}`,
    ]);
  });

  it('say which layers exist when only the configuration was new', () => {
    const here = { wasHere: true, stored: true };
    expect(texts(open().update(view([config(), layer('a', here)])))).toEqual([
      '1: Pulling from demo/app',
      'aaa: Already exists',
    ]);
  });

  it('put a line of the timeline on the layer it is about', () => {
    const messages = open();
    const lines = ['429 from registry-1.docker.io, waiting until 14:05', `${'b'.repeat(12)}: Retrying in 5 seconds`];
    expect(messages.update(view([], { lines })).slice(1)).toEqual([
      { status: '429 from registry-1.docker.io, waiting until 14:05' },
      { status: 'Retrying in 5 seconds', progressDetail: {}, id: 'b'.repeat(12) },
    ]);
  });

  it('use the short name of the hub and the whole name of a digest', () => {
    const now = view([], { target: digest('9'), outcome: 'downloaded' });
    expect(texts(open('redis:7').close(now))).toEqual(['7: Pulling from library/redis', `Digest: ${digest('9')}`]);
    expect(statusMessage('downloaded', parseReference('redis:7')).status).toBe(
      'Status: Downloaded newer image for redis:7',
    );
    expect(statusMessage('up-to-date', parseReference('a.io/redis')).status).toBe(
      'Status: Image is up to date for a.io/redis',
    );
    expect(open(`redis@${digest('9')}`).open()).toEqual([
      { status: 'Pulling from library/redis', id: `redis@${digest('9')}` },
    ]);
  });
});
