import {
  type Descriptor,
  type Digest,
  descriptorJson,
  digestOf,
  MEDIA_TYPES,
  type Platform,
  parsePlatform,
} from '@entrepot/oci';
import { configDocument } from './image/config-document.js';
import { buildDocument, describe } from './image/document.js';
import { type BuiltLayer, buildLayer, type LayerEntry, type LayerRecipe } from './image/layer.js';
import type { UploadableImage } from './upstream-registry.js';

/** How to make an image; everything has a default. */
export interface ImageRecipe {
  /** Default docker (schema 2). */
  format?: 'docker' | 'oci';
  /** Default `linux/amd64`. */
  platform?: string;
  /** Bottom first; default one layer with one small file. */
  layers?: (LayerRecipe | LayerEntry[])[];
  /** What a container starts with: `Cmd`, `Env`, `Labels`, … */
  config?: Record<string, unknown>;
  /** RFC 3339; default the start of 2024. */
  created?: string;
  /** Lines of the history above the layers that made no layer; default one `CMD`. */
  emptySteps?: string[];
  /** Replaces fields of the config document, last of all: the place for lies. */
  configDocument?: Record<string, unknown>;
  /** Replaces fields of the manifest. */
  manifestDocument?: Record<string, unknown>;
}

/** A manifest with everything below it, to be put into an upstream or compared with. */
export interface BuiltImage extends UploadableImage {
  kind: 'image';
  platform: Platform;
  /** Its digest is Docker's image id. */
  config: { digest: Digest; bytes: Buffer; document: Record<string, unknown> };
  layers: BuiltLayer[];
  /** The entry of an index for it. */
  descriptor: Descriptor;
}

/** Makes an image in memory. The same recipe gives the same bytes. */
export async function buildImage(recipe: ImageRecipe = {}): Promise<BuiltImage> {
  const { format = 'docker', layers: recipes = [[{ name: 'hello.txt', content: 'hello\n' }]] } = recipe;
  const platform = parsePlatform(recipe.platform ?? 'linux/amd64');
  const layers = await Promise.all(recipes.map((layer) => buildLayer(layer, format)));
  const document = configDocument(recipe, platform, layers);
  const bytes = Buffer.from(JSON.stringify(document));
  const config = { digest: digestOf(bytes), bytes, document };
  const manifest = buildDocument(types[format].manifest, {
    schemaVersion: 2,
    mediaType: types[format].manifest,
    config: describe(types[format].config, bytes),
    layers: layers.map(({ descriptor }) => descriptorJson(descriptor)),
    ...recipe.manifestDocument,
  });
  const blobs = [config, ...layers.map((layer) => ({ digest: layer.descriptor.digest, bytes: layer.bytes }))];
  const descriptor = { ...manifest.descriptor, platform };
  return { kind: 'image', ...manifest, descriptor, platform, config, layers, manifests: [], blobs };
}

const types = {
  docker: { manifest: MEDIA_TYPES.dockerManifest, config: MEDIA_TYPES.dockerConfig },
  oci: { manifest: MEDIA_TYPES.ociManifest, config: MEDIA_TYPES.ociConfig },
};
