import {
  acceptedManifestTypes,
  isForeignLayerType,
  isImageManifestType,
  isIndexType,
  MEDIA_TYPES,
} from './media-types.js';

it('asks for both kinds in both dialects, and not for schema 1', () => {
  expect([...acceptedManifestTypes].sort()).toEqual(
    [MEDIA_TYPES.dockerManifest, MEDIA_TYPES.dockerManifestList, MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex].sort(),
  );
});

it.each([
  [isIndexType, ['dockerManifestList', 'ociIndex']],
  [isImageManifestType, ['dockerManifest', 'ociManifest']],
  [isForeignLayerType, ['dockerForeignLayer', 'ociForeignLayer', 'ociForeignLayerGzip', 'ociForeignLayerZstd']],
] as const)('%p holds for exactly %j', (holds, names) => {
  const found = Object.entries(MEDIA_TYPES).filter(([, mediaType]) => holds(mediaType));
  expect(found.map(([name]) => name)).toEqual(names);
});
