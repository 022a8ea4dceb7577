import { type Digest, digestOf } from '@entrepot/oci';
import { extract } from 'tar-stream';
import { streamOf, type TestImage, testImage, testIndex } from './archive-fixtures.js';
import { blobPath } from './blob-path.js';
import { type ArchiveImage, planArchive, planBlobs } from './plan-archive.js';
import { decodePlan, encodePlan } from './plan-codec.js';
import type { ArchivePlan } from './segments.js';
import { sliceSegments } from './slice-segments.js';

function saved(image: TestImage, ...references: string[]): ArchiveImage {
  return { references, target: image.manifest, children: [], shown: image.manifest };
}

function blobsOf(...images: TestImage[]): Map<Digest, Buffer> {
  return new Map(images.flatMap(({ config, layers }) => [config, ...layers].map((bytes) => [digestOf(bytes), bytes])));
}

/** Sends a plan, or a range of it, as a server would. */
function render(plan: ArchivePlan, blobs: Map<Digest, Buffer>, fromByte?: number, toByte?: number): Buffer {
  return Buffer.concat(
    sliceSegments(plan, fromByte, toByte).map((slice) => {
      if (slice.kind === 'bytes') return slice.bytes;
      if (slice.kind === 'zeros') return Buffer.alloc(slice.sizeBytes);
      return blobs.get(slice.digest)?.subarray(slice.fromByte, slice.toByte) ?? Buffer.alloc(0);
    }),
  );
}

async function entries(tar: Buffer): Promise<Map<string, { body: Buffer; header: object }>> {
  const found = new Map<string, { body: Buffer; header: object }>();
  for await (const entry of streamOf(tar).pipe(extract() as unknown as NodeJS.WritableStream) as unknown as ReturnType<
    typeof extract
  >) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    expect(found.has(entry.header.name)).toBe(false);
    found.set(entry.header.name, { body: Buffer.concat(chunks), header: entry.header });
  }
  return found;
}

describe('planArchive', () => {
  it('writes documents first and every blob once, as its name promises', async () => {
    const [redis, nginx] = [await testImage('redis'), await testImage('nginx')];
    const plan = planArchive([saved(redis, 'docker.io/library/redis:7'), saved(nginx, 'ghcr.io/a/nginx:1')]);
    const archive = render(plan, blobsOf(redis, nginx));
    expect(archive).toHaveLength(plan.sizeBytes);
    expect(plan.sizeBytes % 512).toBe(0);
    const files = await entries(archive);
    const configs = [redis, nginx].map(({ config }) => blobPath(digestOf(config)));
    const layers = [...redis.layers, ...nginx.layers.slice(1)].map((layer) => blobPath(digestOf(layer)));
    const manifests = [redis, nginx].map(({ manifest }) => blobPath(manifest.digest));
    const folders = ['blobs/', 'blobs/sha256/'];
    const documents = ['oci-layout', 'index.json', 'manifest.json'];
    expect([...files.keys()]).toEqual([...documents, ...folders, ...manifests, ...configs, ...layers]);
    for (const name of [...manifests, ...configs, ...layers]) {
      expect(blobPath(digestOf(files.get(name)?.body ?? Buffer.alloc(0)))).toBe(name);
    }
  });

  it('writes headers that say nothing about us', async () => {
    const redis = await testImage('redis');
    const files = await entries(render(planArchive([saved(redis)]), blobsOf(redis)));
    const header = { mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '', pax: null };
    expect(files.get('index.json')?.header).toMatchObject({ ...header, mode: 0o644, type: 'file' });
    expect(files.get('blobs/sha256/')?.header).toMatchObject({ ...header, mode: 0o755, type: 'directory' });
  });

  it('names an image in the forms of containerd and of docker', async () => {
    const redis = await testImage('redis');
    const target = {
      mediaType: redis.manifest.mediaType,
      digest: redis.manifest.digest,
      size: redis.manifest.bytes.length,
    };
    const plan = planArchive([saved(redis, 'docker.io/library/redis:7'), saved(redis, 'ghcr.io/a/redis:latest')]);
    const files = await entries(render(plan, blobsOf(redis)));
    const read = (name: string) => JSON.parse(String(files.get(name)?.body));
    expect(read('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(read('index.json').manifests).toEqual([
      {
        ...target,
        annotations: {
          'io.containerd.image.name': 'docker.io/library/redis:7',
          'org.opencontainers.image.ref.name': '7',
        },
      },
      {
        ...target,
        annotations: {
          'io.containerd.image.name': 'ghcr.io/a/redis:latest',
          'org.opencontainers.image.ref.name': 'latest',
        },
      },
    ]);
    expect(read('manifest.json')).toEqual([
      {
        Config: blobPath(digestOf(redis.config)),
        RepoTags: ['redis:7', 'ghcr.io/a/redis:latest'],
        Layers: redis.layers.map((layer) => blobPath(digestOf(layer))),
      },
    ]);
  });

  it('saves an image without a name', async () => {
    const redis = await testImage('redis');
    const files = await entries(render(planArchive([saved(redis)]), blobsOf(redis)));
    expect(JSON.parse(String(files.get('index.json')?.body)).manifests).toEqual([
      { mediaType: redis.manifest.mediaType, digest: redis.manifest.digest, size: redis.manifest.bytes.length },
    ]);
    expect(JSON.parse(String(files.get('manifest.json')?.body))[0].RepoTags).toBeNull();
  });

  it('points at an index and carries the platforms that are here', async () => {
    const [amd64, arm64] = [await testImage('x'), await testImage('x', { architecture: 'arm64' })];
    const index = testIndex([amd64.manifest], [arm64.manifest]);
    const image = { references: [], target: index, children: [arm64.manifest], shown: arm64.manifest };
    const files = await entries(render(planArchive([image]), blobsOf(arm64)));
    expect(JSON.parse(String(files.get('index.json')?.body)).manifests[0].digest).toBe(index.digest);
    expect(JSON.parse(String(files.get('manifest.json')?.body))[0].Config).toBe(blobPath(digestOf(arm64.config)));
    expect(files.has(blobPath(index.digest))).toBe(true);
    expect(files.has(blobPath(amd64.manifest.digest))).toBe(false);
  });

  it('leaves out what is not here, and says which blobs it needs', async () => {
    const redis = await testImage('redis');
    const [base, top] = redis.layers.map((layer) => digestOf(layer));
    const plan = planArchive([{ ...saved(redis), absent: [base as Digest] }]);
    expect(planBlobs(plan)).toEqual([digestOf(redis.config), top]);
  });

  it('is the same twice, and another with another name', async () => {
    const redis = await testImage('redis');
    const plan = planArchive([saved(redis, 'docker.io/library/redis:7', 'docker.io/library/redis:latest')]);
    const again = planArchive([saved(redis, 'docker.io/library/redis:latest', 'docker.io/library/redis:7')]);
    expect(again).toEqual(plan);
    expect(planArchive([saved(redis, 'docker.io/library/redis:7')]).etag).not.toBe(plan.etag);
  });

  it('survives the way through the database', async () => {
    const redis = await testImage('redis');
    const plan = planArchive([saved(redis, 'docker.io/library/redis:7')]);
    expect(decodePlan(JSON.parse(JSON.stringify(encodePlan(plan))))).toEqual(plan);
    expect(() =>
      decodePlan({ sizeBytes: 1, etag: '', segments: [{ kind: 'blob', digest: '../x', sizeBytes: 1 }] }),
    ).toThrow();
  });
});

describe('sliceSegments', () => {
  it('cuts any range out of the archive', async () => {
    const redis = await testImage('redis');
    const blobs = blobsOf(redis);
    const plan = planArchive([saved(redis, 'docker.io/library/redis:7')]);
    const whole = render(plan, blobs);
    for (let from = 0; from < plan.sizeBytes; from += 777) {
      for (const to of [from, from + 1, from + 512, from + 3000, plan.sizeBytes]) {
        expect(render(plan, blobs, from, to).equals(whole.subarray(from, to))).toBe(true);
      }
    }
  });
});
