import type { ContainerConfig } from './container-config.js';
import type { Digest } from './digest.js';
import type { HistoryEntry } from './image-config.js';
import { withoutUndefined } from './json-fields.js';

/** What the config of an image made here says. */
export interface ImageConfigDraft {
  architecture: string;
  os: string;
  variant?: string;
  osVersion?: string;
  osFeatures?: readonly string[];
  created: Date;
  author?: string;
  config: ContainerConfig;
  /** Digests of the uncompressed layers, lowest first. */
  diffIds: readonly Digest[];
  history: readonly HistoryEntry[];
}

/** The document, its keys sorted as in Docker's own, so that equal images get equal ids. */
export function printImageConfig(draft: ImageConfigDraft): Buffer {
  const { architecture, os, variant, osVersion, osFeatures, created, author, config, diffIds, history } = draft;
  const document = withoutUndefined({
    architecture,
    author: author || undefined,
    config: sortKeys(config),
    created: created.toISOString(),
    history: history.map(historyJson),
    os,
    'os.features': osFeatures,
    'os.version': osVersion,
    rootfs: { type: 'layers', diff_ids: diffIds },
    variant: variant || undefined,
  });
  return Buffer.from(JSON.stringify(document));
}

function historyJson({ created, createdBy, author, comment, emptyLayer }: HistoryEntry): object {
  return withoutUndefined({
    author: author || undefined,
    comment: comment || undefined,
    created,
    created_by: createdBy || undefined,
    empty_layer: emptyLayer || undefined,
  });
}

/** Lists keep their order; the keys of every map are sorted, since a map has none. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sortKeys(inner)]));
}
