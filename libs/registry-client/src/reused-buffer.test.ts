import { createHash, randomBytes } from 'node:crypto';
import { digestOf } from '@entrepot/oci';
import { startUpstream, type UpstreamRegistry } from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';

describe('sockets that share one buffer', () => {
  let upstream: UpstreamRegistry;
  let client: RegistryClient;
  beforeEach(async () => {
    upstream = await startUpstream();
    client = new RegistryClient({ idleTimeoutMs: 5_000 });
  });
  afterEach(async () => {
    await client.close();
    await upstream.close();
  });

  /** Downloads with a taker that is busy for `pauseMs` after every chunk. */
  const download = async (content: Buffer, pauseMs: number | null) => {
    const digest = upstream.putBlob('team/app', content);
    const hash = createHash('sha256');
    await client.downloadBlob(
      `${upstream.host}/team/app`,
      { mediaType: '', digest, sizeBytes: content.length },
      {
        onChunk: (chunk) => {
          hash.update(chunk);
          return pauseMs === null ? undefined : new Promise((resolve) => setTimeout(resolve, pauseMs));
        },
      },
    );
    return `sha256:${hash.digest('hex')}`;
  };

  it('never mix up their bytes, whoever is busy when', async () => {
    const contents = Array.from({ length: 8 }, (_, i) => randomBytes(2_000_000 + i * 77_777));
    const digests = await Promise.all(contents.map((content, i) => download(content, [null, 0, 1, 3][i % 4] ?? null)));
    expect(digests).toEqual(contents.map((content) => digestOf(content)));
  });

  it('keep what came before the other side closed the connection', async () => {
    upstream.faults.add({ on: 'blob' }, { headers: { connection: 'close' } });
    const content = randomBytes(1_500_000);
    expect(await download(content, 1)).toBe(digestOf(content));
  });

  it('go on after the other side has cut the connection while nobody took its bytes', async () => {
    upstream.faults.add({ on: 'blob', times: 3 }, { cutAfterBytes: 400_000, headers: { connection: 'close' } });
    const content = randomBytes(1_500_000);
    expect(await download(content, 2)).toBe(digestOf(content));
  });
});
