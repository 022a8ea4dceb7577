export { makeCertificate, type TestCertificate } from './certificate.js';
export { bytesOf, type ContentLab, fetchBytes, openContentLab, planOf, pullImage } from './content-lab.js';
export { deterministicBytes, zstdStored } from './image/bytes.js';
export { type BuiltIndex, buildArtifact, buildIndex, type IndexRecipe } from './image/index-factory.js';
export {
  type BuiltLayer,
  buildLayer,
  buildTar,
  imageTime,
  type LayerEntry,
  type LayerRecipe,
} from './image/layer.js';
export { type BuiltImage, buildImage, type ImageRecipe } from './image-factory.js';
export { checkInvariants } from './invariants.js';
export { type MinioServer, startMinio } from './minio-server.js';
export { available, describeWith, findProgram, type OptionalGroup, whyMissing } from './optional.js';
export { type PausedDatabase, pauseBefore, waitForBlocked } from './paused-database.js';
export { createTestDatabase, type TestDatabase } from './postgres.js';
export { type PostgresServer, startPostgres } from './postgres-server.js';
export { type RedisServer, startRedis } from './redis-server.js';
export { seedCatalogue } from './seed-catalogue.js';
export { type SeededImage, type SeedIndexRecipe, type SeedRecipe, seedImage, seedIndex } from './seed-images.js';
export { attachment, type SignatureRecipe, signBundle, signImage } from './sign-image.js';
export type { Fault, FaultMatch, Faults, RequestKind } from './upstream/faults.js';
export {
  type RecordedRequest,
  startUpstream,
  type UploadableImage,
  type UpstreamOptions,
  type UpstreamRegistry,
} from './upstream-registry.js';
