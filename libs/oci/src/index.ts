export { chainIds } from './chain-id.js';
export { type ContainerConfig, type Healthcheck, parseContainerConfig } from './container-config.js';
export { cosignTagOf, cosignTags, subjectOfCosignTag } from './cosign-tag.js';
export { type Descriptor, descriptorJson, InvalidManifestError, isAttestation, parseDescriptor } from './descriptor.js';
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  digestOf,
  InvalidDigestError,
  isDigest,
  parseDigest,
  shortDigest,
} from './digest.js';
export { type CodedError, isCodedError } from './errors.js';
export {
  type HistoryEntry,
  type ImageConfig,
  InvalidImageConfigError,
  maxImageConfigBytes,
  parseImageConfig,
  platformOf,
} from './image-config.js';
export {
  type ImageIndex,
  type ImageManifest,
  isRunnableImage,
  type Manifest,
  maxManifestBytes,
  parseManifest,
  UnsupportedManifestError,
} from './manifest.js';
export {
  acceptedManifestTypes,
  isForeignLayerType,
  isImageManifestType,
  isIndexType,
  MEDIA_TYPES,
} from './media-types.js';
export { InvalidPackageRangeError, isInRange, type PackageRange, parsePackageRange } from './package-range.js';
export { compareVersions, type Ecosystem } from './package-version.js';
export { InvalidPlatformError, parseOciPlatform, parsePlatform } from './parse-platform.js';
export { defaultPlatform, formatPlatform, matchesExactly, normalizePlatform, type Platform } from './platform.js';
export { type ImageConfigDraft, printImageConfig } from './print-image-config.js';
export {
  ambiguousName,
  familiarReference,
  familiarRepository,
  formatReference,
  InvalidReferenceError,
  isTag,
  parseReference,
  parseRepository,
  type Reference,
  repositoryName,
  withDefaultTag,
} from './reference.js';
export { selectPlatform } from './select-platform.js';
