import { type ImageManifest, isForeignLayerType, isRunnableImage } from '@entrepot/oci';
import { UnsupportedImageError } from './pull-failure.js';

/** @throws {UnsupportedImageError} it is no image that can be kept here, or one of its layers is somewhere else */
export function checkSupported(image: ImageManifest): void {
  if (!isRunnableImage({ ...image, layers: [] })) throw new UnsupportedImageError(image.config.mediaType);
  const odd = image.layers.find(
    (layer) => isForeignLayerType(layer.mediaType) || !isRunnableImage({ ...image, layers: [layer] }),
  );
  if (odd) throw new UnsupportedImageError(odd.mediaType);
}
