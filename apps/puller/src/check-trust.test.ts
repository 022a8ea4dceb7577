import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { removeImage, startPull } from '@entrepot/content';
import {
  findManifests,
  findPull,
  listArtifacts,
  listBatchItems,
  listEvents,
  type PullRow,
  pullProgress,
} from '@entrepot/database';
import { type JobQueue, resolvePull } from '@entrepot/jobs';
import { MEDIA_TYPES } from '@entrepot/oci';
import {
  attachment,
  type BuiltImage,
  buildImage,
  buildIndex,
  createTestDatabase,
  deterministicBytes,
  signBundle,
  signImage,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type TrustMode, TrustPolicy } from '@entrepot/trust';
import { openPullers, type PullerFixture } from './puller-fixture.js';

const release = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const nightly = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

describe('the check of signatures', () => {
  let upstream: UpstreamRegistry;
  let fixture: PullerFixture;
  let queue: JobQueue;
  let images = 0;

  beforeAll(async () => {
    upstream = await startUpstream({ referrers: true });
    fixture = await openPullers(await createTestDatabase());
    const keys = [
      { name: 'release', pem: pem(release.publicKey) },
      { name: 'nightly', pem: pem(nightly.publicKey) },
    ];
    const rule = (name: string, mode: TrustMode) => ({ pattern: `127.0.0.1:*/${name}/**`, mode, keys });
    const rules = [rule('must', 'enforce'), rule('should', 'warn'), { ...rule('whole', 'off'), artifacts: true }];
    const { parts } = await fixture.startPuller({ trust: new TrustPolicy({ default: 'off', rules }) });
    queue = parts.queue;
  });

  afterAll(async () => {
    await fixture.close();
    await upstream.close();
  });

  interface Put {
    name: string;
    reference: string;
    image: BuiltImage;
    subject: { mediaType: string; digest: BuiltImage['digest']; sizeBytes: number };
  }

  const put = async (name: string): Promise<Put> => {
    const content = deterministicBytes(5_000, `${name}${images++}`);
    const image = await buildImage({ layers: [[{ name: 'file', content }]] });
    upstream.putImage(name, image, '1');
    const subject = { mediaType: image.mediaType, digest: image.digest, sizeBytes: image.bytes.length };
    return { name, reference: `${upstream.host}/${name}:1`, image, subject };
  };
  const tagOf = ({ image }: Put): string => `${image.digest.replace(':', '-')}.sig`;
  const signed = ({ name, image }: Put, key: KeyObject) => ({
    ...{ key, digest: image.digest, reference: `${upstream.host}/${name}` },
  });

  const pull = async (reference: string, skipsSignatures = false): Promise<{ row: PullRow; lines: string[] }> => {
    const { content } = fixture;
    const wish = { reference, platform: null, kind: 'interactive' as const, unwatchedMs: 60_000, skipsSignatures };
    const { pullId } = await startPull(content, wish);
    await queue.enqueue(resolvePull, { pullId });
    for (;;) {
      const row = (await findPull(content.database.prisma, pullId)) as PullRow;
      if (['done', 'failed'].includes(row.state)) {
        const lines = (await pullProgress(content.database.prisma, pullId))?.events.map(({ line }) => line) ?? [];
        return { row, lines };
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };

  /** Why the pull failed; no byte of a layer was asked for. */
  const refusal = async (it: Put): Promise<string> => {
    const { row } = await pull(it.reference);
    expect([row.state, row.error?.code]).toEqual(['failed', 'UNTRUSTED_IMAGE']);
    const layers = it.image.blobs.map(({ digest }) => digest).slice(1);
    expect(upstream.requests.filter(({ reference }) => layers.includes(reference as never))).toEqual([]);
    return row.error?.message ?? '';
  };

  it('lets in what a key of the policy has signed, of either kind, under the tag of cosign', async () => {
    for (const { key, name } of [
      { key: release.privateKey, name: 'release' },
      { key: nightly.privateKey, name: 'nightly' },
    ]) {
      const it = await put('must/tagged');
      upstream.putImage(it.name, signImage(signed(it, key)), tagOf(it));
      const { row, lines } = await pull(it.reference);
      expect([row.error, row.state]).toEqual([null, 'done']);
      expect(lines).toContain(`signed by ${name}`);
    }
  });

  it('finds signatures and bundles that refer to the image', async () => {
    const first = await put('must/referred');
    upstream.putImage(first.name, signImage({ ...signed(first, release.privateKey), subject: first.subject }));
    expect((await pull(first.reference)).row.state).toBe('done');
    const second = await put('must/bundled');
    upstream.putImage(second.name, signBundle({ key: nightly.privateKey, subject: second.subject }));
    expect((await pull(second.reference)).lines).toContain('signed by nightly');
  });

  it('finds those of a registry without the referrers API by the tag that stands in for it', async () => {
    const old = await startUpstream();
    try {
      const image = await buildImage({ layers: [[{ name: 'file', content: 'old' }]] });
      old.putImage('must/app', image, '1');
      const subject = { mediaType: image.mediaType, digest: image.digest, sizeBytes: image.bytes.length };
      const signature = signBundle({ key: release.privateKey, subject });
      old.putImage('must/app', signature);
      const { mediaType, digest, bytes } = signature;
      const list = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociIndex,
        manifests: [{ mediaType, digest, size: bytes.length }],
      };
      const tag = image.digest.replace(':', '-');
      old.putManifest('must/app', { mediaType: MEDIA_TYPES.ociIndex, bytes: Buffer.from(JSON.stringify(list)) }, tag);
      const { row, lines } = await pull(`${old.host}/must/app:1`);
      expect([row.error, lines]).toEqual([null, ['signed by release']]);
    } finally {
      await old.close();
    }
  });

  it('is content with a signature of the index or of the platform alone', async () => {
    for (const what of ['index', 'platform']) {
      const it = await put(`must/${what}`);
      const index = buildIndex({ images: [it.image], format: 'oci' });
      upstream.putImage(it.name, index, '1');
      const digest = what === 'index' ? index.digest : it.image.digest;
      upstream.putImage(
        it.name,
        signImage({ ...signed(it, release.privateKey), digest }),
        `${digest.replace(':', '-')}.sig`,
      );
      expect((await pull(it.reference)).row.state).toBe('done');
    }
  });

  it('refuses what is not signed before a byte of a layer', async () => {
    const it = await put('must/bare');
    expect(await refusal(it)).toBe(`${upstream.host}/must/bare@${it.image.digest} is not trusted: it has no signature`);
  });

  it('refuses the signature of a stranger, of another digest, and one made for another repository', async () => {
    const other = await put('must/other');
    const refuse = async (name: string, change: (it: Put) => object): Promise<string> => {
      const it = await put(name);
      upstream.putImage(it.name, signImage({ ...signed(it, release.privateKey), ...change(it) }), tagOf(it));
      return refusal(it);
    };
    expect(await refuse('must/s', () => ({ key: stranger.privateKey }))).toContain('not signed by release, nightly');
    expect(await refuse('must/d', () => ({ digest: other.image.digest }))).toContain(`it signs ${other.image.digest}`);
    const replay = await refuse('must/r', () => ({ reference: `${upstream.host}/must/other` }));
    expect(replay).toContain(`it was made for ${upstream.host}/must/other, not ${upstream.host}/must/r`);
  });

  it('refuses what is oversized or malformed, and says which and why', async () => {
    const refuse = async (name: string, change: object): Promise<string> => {
      const it = await put(name);
      upstream.putImage(it.name, signImage({ ...signed(it, release.privateKey), ...change }), tagOf(it));
      return refusal(it);
    };
    expect(await refuse('must/m1', { payload: Buffer.alloc(1024 * 1024 + 1) })).toContain('larger than 1048576 bytes');
    expect(await refuse('must/m2', { signature: '%%%' })).toContain('the signature is not base64');
    expect(await refuse('must/m3', { payload: Buffer.from('{}') })).toContain('not signed by');
    const it = await put('must/m4');
    upstream.putManifest(it.name, { bytes: Buffer.from('{"broken'), mediaType: 'application/json' }, tagOf(it));
    expect(await refusal(it)).toContain('its manifest is malformed');
  });

  it('takes no provenance, and no bundle about another image, for a signature', async () => {
    const provenance = await put('must/provenance');
    const predicateType = 'https://slsa.dev/provenance/v1';
    upstream.putImage(
      provenance.name,
      signBundle({ key: release.privateKey, subject: provenance.subject, predicateType }),
    );
    expect(await refusal(provenance)).toContain('no signature of an image');
    const other = await put('must/elsewhere');
    const digest = provenance.image.digest;
    upstream.putImage(other.name, signBundle({ key: release.privateKey, subject: other.subject, digest }));
    expect(await refusal(other)).toContain('it signs another image');
  });

  it('only warns where the policy says so, in the timeline of the pull', async () => {
    const it = await put('should/bare');
    const { row, lines } = await pull(it.reference);
    expect(row.state).toBe('done');
    expect(lines).toEqual([
      expect.stringMatching(/^warning: .*should\/bare@sha256:\w+ is not trusted: it has no signature$/),
    ]);
  });

  it('asks nothing where no rule matches', async () => {
    const it = await put('free/bare');
    upstream.requests.length = 0;
    expect((await pull(it.reference)).lines).toEqual([]);
    expect(upstream.requested('referrers')).toEqual([]);
  });

  it('does not look when somebody wished so, who is remembered', async () => {
    const it = await put('must/skipped');
    const { row, lines } = await pull(it.reference, true);
    expect([row.state, lines]).toEqual(['done', ['signatures are not looked at, as whoever asked has wished']]);
    const events = await listEvents(fixture.content.database.prisma, { types: ['pull'], limit: 10 });
    expect(events).toMatchObject([{ action: 'skip-signatures', actorId: it.reference, attributes: { pull: row.id } }]);
    expect((await pull(it.reference)).row.error?.code).toBe('UNTRUSTED_IMAGE');
  });

  it('does not look for a batch that an admin wished so for, beside one for which it does', async () => {
    const it = await put('must/batched');
    const [trusting, checking] = [
      await fixture.createBatch([it.reference], { skipsSignatures: true }),
      await fixture.createBatch([it.reference]),
    ];
    const [first, second] = [await fixture.waitFor(trusting, 'done'), await fixture.waitFor(checking, 'done')];
    expect([first.counts.done, second.counts.failed]).toEqual([1, 1]);
    const [item] = await listBatchItems(fixture.content.database.prisma, checking, { limit: 1 });
    expect(item?.reason?.code).toBe('UNTRUSTED_IMAGE');
  }, 60_000);

  it('pulls what belongs to an image with it where the policy wants it, and lets it go with the image', async () => {
    const it = await put('whole/app');
    const index = buildIndex({ images: [it.image], format: 'oci', attestations: true });
    upstream.putImage(it.name, index, '1');
    const signature = signBundle({ key: release.privateKey, subject: it.subject });
    upstream.putImage(it.name, signature);
    const { row } = await pull(it.reference);
    expect([row.error, row.state]).toEqual([null, 'done']);
    const { prisma } = fixture.content.database;
    const artifacts = await listArtifacts(prisma, index.digest);
    expect(artifacts).toHaveLength(2);
    expect(artifacts.map(({ digest }) => digest)).toContain(signature.digest);
    await removeImage(fixture.content, it.reference, {});
    expect(
      await findManifests(
        prisma,
        artifacts.map(({ digest }) => digest),
      ),
    ).toEqual([]);
  });

  it('finds what cosign keeps under tags, and what was added since the last pull, and asks for it once', async () => {
    const it = await put('whole/tagged');
    const tag = (suffix: string) => `${it.image.digest.replace(':', '-')}.${suffix}`;
    const signature = signImage(signed(it, release.privateKey));
    upstream.putImage(it.name, signature, tag('sig'));
    expect((await pull(it.reference)).row).toMatchObject({ state: 'done', outcome: 'downloaded' });
    const { prisma } = fixture.content.database;
    const here = async () => (await listArtifacts(prisma, it.image.digest)).map(({ digest }) => digest).toSorted();
    expect(await here()).toEqual([signature.digest]);

    const sbom = attachment('{"spdxVersion":"SPDX-2.3"}', 'text/spdx+json');
    const attestation = attachment('{"payload":""}', 'application/vnd.dsse.envelope.v1+json');
    upstream.putImage(it.name, sbom, tag('sbom'));
    upstream.putImage(it.name, attestation, tag('att'));
    expect((await pull(it.reference)).row).toMatchObject({ state: 'done', outcome: 'up-to-date' });
    const all = [signature, sbom, attestation].map(({ digest }) => digest).toSorted();
    expect(await here()).toEqual(all);
    upstream.requests.length = 0;
    expect((await pull(it.reference)).row.outcome).toBe('up-to-date');
    expect(upstream.requests.filter(({ method, kind }) => method === 'GET' && kind === 'manifest')).toEqual([]);

    await removeImage(fixture.content, it.reference, {});
    expect(await here()).toEqual([]);
  });
});
