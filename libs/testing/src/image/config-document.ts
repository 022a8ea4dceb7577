import type { Platform } from '@entrepot/oci';
import type { ImageRecipe } from '../image-factory.js';
import { type BuiltLayer, imageTime } from './layer.js';

/** The config of an image, with a history that fits its layers. */
export function configDocument(
  recipe: ImageRecipe,
  platform: Platform,
  layers: readonly BuiltLayer[],
): Record<string, unknown> {
  const created = recipe.created ?? imageTime.toISOString();
  const layerSteps = layers.map(({ createdBy }) => ({ created, created_by: createdBy }));
  const emptySteps = (recipe.emptySteps ?? ['CMD ["sh"]']).map((step) => ({
    created,
    created_by: step,
    empty_layer: true,
  }));
  return {
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin'], Cmd: ['sh'], ...recipe.config },
    created,
    history: [...layerSteps, ...emptySteps],
    os: platform.os,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    ...recipe.configDocument,
  };
}
