import type { ReleaseReport } from '@entrepot/content';
import type { ArtifactRow, ImageSummary, LabelFilter } from '@entrepot/database';
import { formatPlatform, parseManifest } from '@entrepot/oci';
import type { EndpointOutput, getImage, listImages, removeImage } from '@entrepot/platform-api';
import { newestApiVersion } from '../docker-engine/api-version.js';
import { inspectJson } from '../docker-engine/inspect-json.js';
import { parseTimestamp } from '../docker-engine/timestamp.js';
import type { ImageDescription } from '../images/describe-image.js';
import { type InputIssue, PlatformError } from './platform-error.js';

/** An image of a list. */
export function summaryJson(image: ImageSummary): EndpointOutput<typeof listImages>['items'][number] {
  const { id, tags, digests, parentId, createdAt, sizeBytes, labels, os, architecture, variant } = image;
  return {
    ...{ id, tags, digests, parentId, sizeBytes, labels },
    createdAt: createdAt === null ? null : new Date(createdAt * 1000).toISOString(),
    platform: formatPlatform({ os, architecture, variant: variant ?? undefined }),
  };
}

/** Everything about one image. */
export function imageJson(
  description: ImageDescription,
  artifacts: readonly ArtifactRow[],
): EndpointOutput<typeof getImage> {
  const { detail, config } = description;
  const { id, tags, digests, parentId, brokenReason, target, layers } = detail;
  return {
    ...{ id, tags, digests, parentId, brokenReason, target, layers },
    artifacts: artifacts.map(artifactJson),
    createdAt: instant(config.created),
    sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    labels: config.config.Labels ?? {},
    platform: formatPlatform({
      os: detail.os,
      architecture: detail.architecture,
      variant: detail.variant ?? undefined,
    }),
    lastTaggedAt: detail.lastTaggedAt?.toISOString() ?? null,
    docker: inspectJson(description, Number(newestApiVersion.split('.')[1])) as Record<string, unknown>,
  };
}

function artifactJson({ digest, mediaType, bytes, sizeBytes }: ArtifactRow) {
  const manifest = parseManifest(bytes, mediaType);
  const config = manifest.kind === 'image' ? manifest.config.mediaType : '';
  return { digest, sizeBytes, artifactType: manifest.artifactType ?? config };
}

/** What a removal did. */
export function removalJson(
  { lines, freedBytes, freedBlobs }: ReleaseReport,
  dryRun: boolean,
): EndpointOutput<typeof removeImage> {
  const untagged = lines.flatMap((line) => ('untagged' in line ? [line.untagged] : []));
  const deleted = lines.flatMap((line) => ('deleted' in line ? [line.deleted] : []));
  return { dryRun, untagged, deleted, lines, freedBytes, freedBlobs };
}

/** `key` or `key=value`. */
export function readLabel(text: string): LabelFilter {
  const equals = text.indexOf('=');
  return equals < 0 ? { key: text } : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** A time as Docker's clients write it, in unix seconds. @throws {PlatformError} */
export function readTime(place: InputIssue['in'], field: string, text: string): number {
  try {
    return parseTimestamp(text, new Date());
  } catch {
    const message = 'expected a time like 2026-01-31T12:00:00Z, unix seconds, or a duration like 24h';
    throw new PlatformError(400, 'INVALID_REQUEST', `${place} ${field}: ${message}`, {
      errors: [{ in: place, field, message }],
    });
  }
}

/** The config says it; a time that cannot be read is none. */
function instant(text: string | undefined): string | null {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
