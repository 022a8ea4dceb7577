import type { ImageDescription } from '../images/describe-image.js';
import type { ApiVersion } from './api-version.js';
import { containerConfigJson } from './container-config-json.js';
import { goTime, zeroTime } from './go-time.js';

/** `docker image inspect`: the CLI prints it as it is, so the order of the fields is dockerd's. */
export function inspectJson(description: ImageDescription, version: ApiVersion, tree: object = {}): object {
  const { detail, config } = description;
  const created = config.created === undefined ? undefined : goTime(config.created);
  const sizeBytes = detail.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  return withoutAbsent({
    Id: detail.id,
    RepoTags: detail.tags,
    RepoDigests: detail.digests,
    Parent: detail.parentId ?? '',
    Comment: commentOf(description),
    Created: created ?? (version < 44 ? zeroTime : undefined),
    ...(version < 45 ? { Container: '', ContainerConfig: containerConfigJson({}, version) } : {}),
    DockerVersion: textOf(config.raw.docker_version),
    Author: config.author ?? '',
    Architecture: config.architecture,
    Variant: config.variant,
    Os: config.os || 'linux',
    OsVersion: config.osVersion,
    Size: sizeBytes,
    VirtualSize: version < 44 ? sizeBytes : undefined,
    GraphDriver: { Data: null, Name: 'entrepot' },
    RootFS: { Type: 'layers', Layers: config.diffIds.length > 0 ? config.diffIds : undefined },
    Metadata: { LastTagTime: detail.lastTaggedAt ? goTime(detail.lastTaggedAt.toISOString()) : zeroTime },
    Descriptor: version < 48 ? undefined : descriptorOf(description),
    ...tree,
    Config: containerConfigJson(config.config, version),
  });
}

function commentOf({ config }: ImageDescription): string {
  return textOf(config.raw.comment) || (config.history.at(-1)?.comment ?? '');
}

function descriptorOf({ detail: { target } }: ImageDescription): object {
  return { mediaType: target.mediaType, digest: target.digest, size: target.sizeBytes };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function withoutAbsent(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
