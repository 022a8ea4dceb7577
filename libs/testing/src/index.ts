export { type MinioServer, startMinio } from './minio-server.js';
export { available, describeWith, findProgram, type OptionalGroup, whyMissing } from './optional.js';
export { type RedisServer, startRedis } from './redis-server.js';
