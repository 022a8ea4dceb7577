import type { ImageSummary } from '@entrepot/database';
import type { ApiVersion } from './api-version.js';

/** What only some lists show; -1 and absence mean "not counted". */
export interface SummaryExtras {
  containers?: number;
  sharedBytes?: number;
  /** `Descriptor` and `Manifests`, for `--tree`. */
  tree?: object;
}

/** A row of `docker images`, in the words of the client's API version. */
export function summaryJson(image: ImageSummary, version: ApiVersion, extras: SummaryExtras = {}): object {
  const isUnnamed = image.tags.length === 0 && image.digests.length === 0;
  const showsNone = isUnnamed && version < 43;
  return {
    Containers: extras.containers ?? -1,
    Created: Math.floor(image.createdAt ?? 0),
    Id: image.id,
    Labels: Object.keys(image.labels).length > 0 ? image.labels : null,
    ParentId: image.parentId ?? '',
    ...extras.tree,
    RepoDigests: showsNone ? ['<none>@<none>'] : image.digests,
    RepoTags: showsNone ? ['<none>:<none>'] : image.tags,
    SharedSize: extras.sharedBytes ?? -1,
    Size: image.sizeBytes,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
  };
}
