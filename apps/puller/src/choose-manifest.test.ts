import {
  type Descriptor,
  type Digest,
  MEDIA_TYPES,
  parseImageConfig,
  parseManifest,
  parsePlatform,
} from '@entrepot/oci';
import { type BuiltImage, type BuiltIndex, buildImage, buildIndex } from '@entrepot/testing';
import { chooseManifest, type FoundManifest, type ManifestReader } from './choose-manifest.js';

describe('choosing the manifest of a platform', () => {
  const asked: Digest[] = [];
  const known = new Map<Digest, FoundManifest>();
  const configs = new Map<Digest, Buffer>();

  const reader: ManifestReader = {
    manifest: async ({ digest }: Descriptor) => {
      asked.push(digest);
      return known.get(digest) as FoundManifest;
    },
    config: async ({ config }) => parseImageConfig(configs.get(config.digest) as Buffer),
  };

  beforeEach(() => void asked.splice(0));

  function keep<T extends BuiltImage | BuiltIndex>(document: T): T {
    const { digest, mediaType, bytes } = document;
    known.set(digest, { digest, mediaType, bytes, manifest: parseManifest(bytes, mediaType) });
    if (document.kind === 'image') configs.set(document.config.digest, document.config.bytes);
    return document;
  }

  const image = async (platform: string): Promise<BuiltImage> => keep(await buildImage({ platform }));
  const choose = (top: BuiltImage | BuiltIndex, platform: string) =>
    chooseManifest(known.get(top.digest) as FoundManifest, parsePlatform(platform), reader);

  it('takes a single image whatever its platform', async () => {
    const top = await image('linux/s390x');
    expect(await choose(top, 'linux/amd64')).toMatchObject({ shown: top.digest, path: [{ digest: top.digest }] });
    expect(asked).toEqual([]);
  });

  it.each([
    ['a size', { sizeBytes: 5 }, /is 5 bytes to the index that names it, but is \d+ bytes$/],
    ['a kind', { mediaType: MEDIA_TYPES.ociIndex }, /is an index to the index that names it, but is an image$/],
  ])('refuses an entry with %s that is not that of the manifest', async (_, entry, message) => {
    const index = keep(buildIndex({ images: [await image('linux/amd64')], entries: [entry] }));
    await expect(choose(index, 'linux/amd64')).rejects.toThrow(message);
  });

  it('reads one manifest of an index, never an attestation', async () => {
    const [amd64, arm] = [await image('linux/amd64'), await image('linux/arm/v7')];
    const index = keep(buildIndex({ images: [amd64, arm], attestations: true }));
    expect((await choose(index, 'linux/arm/v7')).path.map(({ digest }) => digest)).toEqual([index.digest, arm.digest]);
    expect(asked).toEqual([arm.digest]);
  });

  it('says what there is when nothing fits', async () => {
    const index = keep(
      buildIndex({ images: [await image('linux/amd64'), await image('linux/arm64')], attestations: true }),
    );
    await expect(choose(index, 'linux/s390x')).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      message:
        'no matching manifest for linux/s390x in the manifest list entries (there are: linux/amd64, linux/arm64)',
    });
  });

  it('goes down into nested indexes, with or without a platform', async () => {
    const deep = await image('linux/arm64');
    const inner = keep(buildIndex({ images: [deep], format: 'oci' }));
    const outer = keep(buildIndex({ images: [await image('linux/amd64'), inner], format: 'oci' }));
    expect((await choose(outer, 'linux/arm64')).path.map(({ digest }) => digest)).toEqual([
      outer.digest,
      inner.digest,
      deep.digest,
    ]);
  });

  it('asks the config of an entry that does not say its platform', async () => {
    const [amd64, arm64] = [await image('linux/amd64'), await image('linux/arm64')];
    const entries = [{ platform: undefined }, { platform: undefined }];
    const index = keep(buildIndex({ images: [amd64, arm64], entries }));
    expect((await choose(index, 'linux/arm64')).shown).toBe(arm64.digest);
    await expect(choose(index, 'linux/s390x')).rejects.toThrow('(there are: linux/amd64, linux/arm64)');
  });

  it('does not follow indexes without end', async () => {
    let top: BuiltIndex = keep(buildIndex({ images: [await image('linux/amd64')], format: 'oci' }));
    for (let depth = 0; depth < 6; depth++) top = keep(buildIndex({ images: [top], format: 'oci' }));
    await expect(choose(top, 'linux/amd64')).rejects.toMatchObject({ code: 'NO_MATCHING_PLATFORM' });
  });
});
