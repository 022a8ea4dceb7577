import type { Descriptor, Digest, ImageConfig, ImageManifest } from '@entrepot/oci';
import type { StoredEntry } from './archive-sink.js';
import type { StoredManifest } from './stored-manifest.js';

/** What an archive turned out to hold. Its blobs are in the sink; manifests and configs are here as well. */
export interface ArchiveContents {
  images: LoadedImage[];
  /** What the sink keeps and no image needs. */
  unused: StoredEntry[];
}

/** One image with the names that the archive gives it. */
export interface LoadedImage {
  /** Full names with a tag; none for an image saved by id. */
  references: string[];
  /** What the names shall point at: an index or a manifest. */
  target: StoredManifest;
  /** Whether `target` was made here, for an archive that has no manifests; another one of the same config is as good. */
  generated: boolean;
  /** Manifests and indexes below an index that the archive carries, at any depth. */
  children: StoredManifest[];
  /** Those of `target` and `children` that have a config and layers, and artifacts that belong to any of it. */
  manifests: LoadedManifest[];
  /** Manifests that an index names and the archive does not carry, as for other platforms. */
  absent: Descriptor[];
}

/** One manifest with what the archive knows about its blobs. */
export interface LoadedManifest {
  manifest: StoredManifest;
  /** As an index describes it: platform, annotations. */
  listed: Descriptor;
  content: ImageManifest;
  /** False for artifacts and attestations; their config is only a blob. */
  runnable: boolean;
  config: LoadedConfig;
  layers: LoadedLayer[];
  /** Blobs that must be here already. Layers kept elsewhere (foreign) are not counted. */
  missing: Descriptor[];
}

export interface LoadedConfig {
  descriptor: Descriptor;
  /** Both null when the archive does not carry it; `parsed` also when the manifest is not runnable. */
  bytes: Buffer | null;
  parsed: ImageConfig | null;
}

export interface LoadedLayer {
  descriptor: Descriptor;
  /** What the config says; null when there is none to ask. */
  diffId: Digest | null;
  carried: boolean;
}

/** What is here already. */
export interface ReadArchiveKnowledge {
  /** A stored layer of this diff id, to be used in place of the one in an archive that has no manifests. */
  knownLayer?(diffId: Digest): Promise<Descriptor | null> | Descriptor | null;
  /** A manifest that an archive names and does not carry. */
  knownManifest?(digest: Digest): Promise<StoredManifest | null> | StoredManifest | null;
}
