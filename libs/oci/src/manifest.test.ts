import { InvalidManifestError } from './descriptor.js';
import { digestOf } from './digest.js';
import {
  type ImageManifest,
  isRunnableImage,
  maxManifestBytes,
  parseManifest,
  UnsupportedManifestError,
} from './manifest.js';
import { MEDIA_TYPES } from './media-types.js';

const blob = (mediaType: string, size = 2) => ({ mediaType, digest: digestOf(Buffer.from(mediaType)), size });
const config = blob(MEDIA_TYPES.ociConfig);
const layer = blob(MEDIA_TYPES.ociLayerGzip, 1000);
const child = { ...blob(MEDIA_TYPES.ociManifest), platform: { os: 'linux', architecture: 'amd64' } };
const image = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [child] };

const bytesOf = (document: unknown) => Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));

describe('parseManifest', () => {
  it('reads an image with its layers in order', () => {
    const upper = blob(MEDIA_TYPES.ociLayerZstd, 7);
    expect(parseManifest(bytesOf({ ...image, layers: [layer, upper], annotations: { a: 'b' } }))).toStrictEqual({
      kind: 'image',
      mediaType: MEDIA_TYPES.ociManifest,
      config: { mediaType: config.mediaType, digest: config.digest, sizeBytes: 2 },
      layers: [
        { mediaType: layer.mediaType, digest: layer.digest, sizeBytes: 1000 },
        { mediaType: upper.mediaType, digest: upper.digest, sizeBytes: 7 },
      ],
      annotations: { a: 'b' },
    });
  });

  it('reads an index', () => {
    const parsed = parseManifest(bytesOf(index));
    expect(parsed).toMatchObject({
      kind: 'index',
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [{ platform: child.platform }],
    });
  });

  it('reads subject and artifact type of an artifact', () => {
    const artifact = { ...image, subject: blob(MEDIA_TYPES.ociManifest), artifactType: 'application/vnd.example' };
    expect(parseManifest(bytesOf(artifact))).toMatchObject({
      subject: { mediaType: MEDIA_TYPES.ociManifest },
      artifactType: 'application/vnd.example',
    });
  });

  const untyped = (document: object) => ({ ...document, mediaType: undefined });
  it.each<[string, unknown, string | undefined, string]>([
    ['by its media type alone', image, undefined, MEDIA_TYPES.ociManifest],
    ['by its content type alone', untyped(image), MEDIA_TYPES.dockerManifest, MEDIA_TYPES.dockerManifest],
    ['by both', index, MEDIA_TYPES.ociIndex, MEDIA_TYPES.ociIndex],
    ['by a content type with a parameter', index, `${MEDIA_TYPES.ociIndex}; charset=utf-8`, MEDIA_TYPES.ociIndex],
    ['by its media type when the header says only JSON', image, 'application/json', MEDIA_TYPES.ociManifest],
    ['by its shape, an image', untyped(image), 'application/octet-stream', MEDIA_TYPES.ociManifest],
    ['by its shape, an index', untyped(index), undefined, MEDIA_TYPES.ociIndex],
    ['without a schema version', { ...image, schemaVersion: undefined }, undefined, MEDIA_TYPES.ociManifest],
    ['without layers', { ...image, layers: [] }, undefined, MEDIA_TYPES.ociManifest],
    ['with null for no layers', { ...image, layers: null, manifests: null }, undefined, MEDIA_TYPES.ociManifest],
    ['as an empty index', { ...index, manifests: [] }, undefined, MEDIA_TYPES.ociIndex],
    ['with unknown fields', { ...image, custom: { a: [] } }, undefined, MEDIA_TYPES.ociManifest],
  ])('tells the type %s', (_, document, contentType, mediaType) => {
    expect(parseManifest(bytesOf(document), contentType).mediaType).toBe(mediaType);
  });

  it.each<[string, unknown, string | undefined, string]>([
    ['nothing', '', undefined, 'not valid JSON'],
    ['HTML', '<html>', 'text/html', 'not valid JSON'],
    ['a list', [], undefined, 'not a JSON object'],
    ['null', 'null', undefined, 'not a JSON object'],
    ['a byte order mark', `\ufeff${JSON.stringify(image)}`, undefined, 'not valid JSON'],
    ['something after the document', `${JSON.stringify(image)}x`, undefined, 'not valid JSON'],
    ['NUL in a text', { ...image, annotations: { a: '\u0000' } }, undefined, 'text with a NUL character'],
    ['no type and no shape', {}, undefined, 'neither a media type nor the fields'],
    ['another schema version', { ...image, schemaVersion: 3 }, undefined, 'schemaVersion is 3'],
    ['a schema version as text', { ...image, schemaVersion: '2' }, undefined, 'schemaVersion must be an integer'],
    ['two types', image, MEDIA_TYPES.ociIndex, 'content type "application/vnd.oci.image.index'],
    ['two dialects', image, MEDIA_TYPES.dockerManifest, 'content type "application/vnd.docker'],
    ['an image with manifests', { ...image, manifests: [child] }, undefined, 'manifests has no place in'],
    ['an image with empty manifests', { ...image, manifests: [] }, undefined, 'manifests has no place in'],
    ['an image of schema 1 parts', { ...image, fsLayers: [] }, undefined, 'fsLayers has no place in'],
    ['an index with layers', { ...index, layers: [layer] }, undefined, 'layers has no place in'],
    ['an index with a config', { ...index, config }, undefined, 'config has no place in'],
    ['both shapes and no type', untyped({ ...image, ...index }), undefined, 'config has no place in'],
    ['no config', { ...image, config: undefined }, undefined, 'config is missing'],
    ['layers that are no list', { ...image, layers: {} }, undefined, 'layers must be a list'],
    ['a bad layer', { ...image, layers: [layer, 1] }, undefined, 'layers[1]: not a JSON object'],
    ['a bad config', { ...image, config: { ...config, size: -1 } }, undefined, 'config: size must not be negative'],
    ['a bad child', { ...index, manifests: [{}] }, undefined, 'manifests[0]: digest is missing'],
    ['a bad subject', { ...image, subject: {} }, undefined, 'subject: digest is missing'],
    ['a media type that is no text', { ...image, mediaType: 2 }, undefined, 'mediaType must be a string'],
  ])('refuses %s', (_, document, contentType, reason) => {
    expect(() => parseManifest(bytesOf(document), contentType)).toThrow(InvalidManifestError);
    expect(() => parseManifest(bytesOf(document), contentType)).toThrow(`invalid manifest: ${reason}`);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseManifest(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow('not valid JSON');
  });

  it('refuses what is too deep, whatever is written in texts', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(() => parseManifest(bytesOf(nested(64)))).toThrow('nested deeper than 64 levels');
    expect(() => parseManifest(bytesOf(nested(1_000_000)))).toThrow('nested deeper than 64 levels');
    const text = { ...image, annotations: { a: `\\"${'[{'.repeat(100)}` } };
    expect(parseManifest(bytesOf(text)).annotations).toEqual(text.annotations);
  });

  it('reads 4 MiB and not a byte more', () => {
    const padded = (length: number) => bytesOf(JSON.stringify(image).padEnd(length));
    expect(parseManifest(padded(maxManifestBytes)).kind).toBe('image');
    expect(() => parseManifest(padded(maxManifestBytes + 1))).toThrow('larger than 4194304 bytes');
  });

  it('refuses ten thousand descriptors and one', () => {
    const tiny = { ...layer, mediaType: 'a/b' };
    expect(() => parseManifest(bytesOf({ ...image, layers: Array(10_001).fill(tiny) }))).toThrow(
      'more than 10000 entries',
    );
  });

  it.each<[string, unknown, string | undefined, RegExp]>([
    ['schema 1', { schemaVersion: 1, fsLayers: [] }, undefined, /schema 1 is not supported/],
    ['signed schema 1', { schemaVersion: 1 }, MEDIA_TYPES.dockerManifestV1Signed, /schema 1 is not supported/],
    ['schema 1 by its media type', { mediaType: MEDIA_TYPES.dockerManifestV1 }, undefined, /schema 1 is not supported/],
    [
      'an unknown type',
      { schemaVersion: 2, mediaType: 'application/x' },
      undefined,
      /type "application\/x" are not supported/,
    ],
  ])('does not support %s', (_, document, contentType, message) => {
    const parse = () => parseManifest(bytesOf(document), contentType);
    expect(parse).toThrow(UnsupportedManifestError);
    expect(parse).toThrow(message);
  });
});

it.each<[string, string, string[], boolean]>([
  ['an OCI image', MEDIA_TYPES.ociConfig, [MEDIA_TYPES.ociLayerGzip], true],
  ['a Docker image', MEDIA_TYPES.dockerConfig, [MEDIA_TYPES.dockerLayerGzip, MEDIA_TYPES.dockerForeignLayer], true],
  ['an image without layers', MEDIA_TYPES.ociConfig, [], true],
  ['a config that an old registry mislabelled', 'application/octet-stream', [MEDIA_TYPES.dockerLayerGzip], true],
  ['an artifact', MEDIA_TYPES.ociEmpty, ['application/json'], false],
  [
    'a helm chart',
    'application/vnd.cncf.helm.config.v1+json',
    ['application/vnd.cncf.helm.chart.content.v1.tar+gzip'],
    false,
  ],
  ['a plugin', 'application/vnd.docker.plugin.v1+json', [MEDIA_TYPES.dockerLayerGzip], false],
  ['an attestation', MEDIA_TYPES.ociConfig, [MEDIA_TYPES.inToto], false],
  ['a signature of cosign', MEDIA_TYPES.ociConfig, ['application/vnd.dev.cosign.simplesigning.v1+json'], false],
  ['an attestation of cosign', MEDIA_TYPES.ociConfig, ['application/vnd.dsse.envelope.v1+json'], false],
  ['an SBOM of cosign', MEDIA_TYPES.ociConfig, ['text/spdx+json'], false],
])('isRunnableImage of %s', (_, configType, layerTypes, expected) => {
  const document = { ...image, config: blob(configType), layers: layerTypes.map((type) => blob(type)) };
  expect(isRunnableImage(parseManifest(bytesOf(document)) as ImageManifest)).toBe(expected);
});
