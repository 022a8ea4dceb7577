import { descriptorJson, InvalidManifestError, isAttestation, parseDescriptor } from './descriptor.js';
import { digestOf } from './digest.js';
import { MEDIA_TYPES } from './media-types.js';

const bytes = Buffer.from('{}');
const plain = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(bytes), size: 2 };
const full = {
  ...plain,
  urls: ['https://example.com/x'],
  annotations: { b: '1', a: '2' },
  data: bytes.toString('base64'),
  platform: { architecture: 'arm', os: 'linux', 'os.version': '1', 'os.features': ['x'], variant: 'v6' },
  artifactType: 'application/vnd.example+json',
};

describe('parseDescriptor', () => {
  it('reads the required fields and leaves no places for others', () => {
    expect(parseDescriptor(plain, 'config')).toStrictEqual({
      mediaType: plain.mediaType,
      digest: plain.digest,
      sizeBytes: 2,
    });
  });

  it('reads every field and prints it back in the order of the specification', () => {
    const descriptor = parseDescriptor(Object.fromEntries(Object.entries(full).reverse()), 'config');
    expect(descriptor.embedded).toEqual(bytes);
    expect(descriptor.platform).toEqual({
      os: 'linux',
      architecture: 'arm',
      variant: 'v6',
      osVersion: '1',
      osFeatures: ['x'],
    });
    expect(JSON.stringify(descriptorJson(descriptor))).toBe(JSON.stringify(full));
  });

  it.each<[string, object]>([
    ['unknown fields', { ...plain, extra: [1] }],
    ['null for absent', { ...plain, urls: null, annotations: null, platform: null, data: null, artifactType: null }],
    ['a size of 0', { ...plain, size: 0 }],
    ['SHA-512', { ...plain, digest: digestOf(bytes, 'sha512'), data: full.data }],
    ['a media type with a parameter', { ...plain, mediaType: 'text/plain; charset=utf-8' }],
  ])('takes %s', (_, json) => {
    expect(() => parseDescriptor(json, 'x')).not.toThrow();
  });

  it('takes an empty platform for none', () => {
    const descriptor = parseDescriptor({ ...plain, platform: { os: '', architecture: '' } }, 'x');
    expect(descriptor.platform).toBeUndefined();
  });

  it('keeps a hostile annotation key as a mere key', () => {
    const json = JSON.parse(`{"mediaType":"a/b","digest":"${plain.digest}","size":2,"annotations":{"__proto__":"x"}}`);
    const printed = JSON.stringify(descriptorJson(parseDescriptor(json, 'x')));
    expect(printed).toContain('"annotations":{"__proto__":"x"}');
  });

  it.each<[string, unknown, string]>([
    ['not an object', [], 'not a JSON object'],
    ['null', null, 'not a JSON object'],
    ['no digest', { ...plain, digest: undefined }, 'digest is missing'],
    ['a bad digest', { ...plain, digest: 'sha256:../x' }, 'invalid digest "sha256:../x"'],
    ['no media type', { digest: plain.digest, size: 2 }, 'mediaType is missing'],
    ['an odd media type', { ...plain, mediaType: 'a/b\nc' }, 'invalid media type "a/b\\nc"'],
    ['a huge media type', { ...plain, mediaType: `a/${'b'.repeat(255)}` }, 'invalid media type'],
    ['no size', { ...plain, size: null }, 'size is missing'],
    ['a size as text', { ...plain, size: '2' }, 'size must be an integer'],
    ['a fraction', { ...plain, size: 1.5 }, 'size must be an integer'],
    ['a negative size', { ...plain, size: -1 }, 'size must not be negative'],
    ['a size beyond 2^53', { ...plain, size: 2 ** 60 }, 'size must be an integer'],
    ['urls that are no texts', { ...plain, urls: [1] }, 'urls must be a list of strings'],
    ['annotations that are no texts', { ...plain, annotations: { a: 1 } }, 'annotations must be an object of strings'],
    ['a platform that is a text', { ...plain, platform: 'linux' }, 'platform: not a JSON object'],
    ['a wrong platform', { ...plain, platform: { os: [], architecture: 'x' } }, 'platform: os must be a string'],
    [
      'NUL in a platform',
      { ...plain, platform: { os: '\u0000', architecture: 'x' } },
      'platform: os must be short and plain',
    ],
    ['data of another size', { ...plain, size: 3, data: full.data }, 'embedded data is not the content of'],
    [
      'data of another digest',
      { ...plain, data: Buffer.from('[]').toString('base64') },
      'embedded data is not the content',
    ],
    ['inherited fields', Object.create(plain), 'digest is missing'],
  ])('refuses %s, naming the place', (_, json, reason) => {
    expect(() => parseDescriptor(json, 'layers[3]')).toThrow(InvalidManifestError);
    expect(() => parseDescriptor(json, 'layers[3]')).toThrow(`invalid manifest: layers[3]: ${reason}`);
  });
});

it.each<[string, object, boolean]>([
  ['an image', { platform: { os: 'linux', architecture: 'amd64' } }, false],
  ['an entry without platform', {}, false],
  ['an unknown platform', { platform: { os: 'unknown', architecture: 'unknown' } }, true],
  ['an annotated entry', { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }, true],
])('isAttestation of %s', (_, fields, expected) => {
  expect(isAttestation(parseDescriptor({ ...plain, ...fields }, 'x'))).toBe(expected);
});
