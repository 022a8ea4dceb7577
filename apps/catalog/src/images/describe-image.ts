import { type FoundImage, findImageDetail, getImage, type ImageDetail, type Tx } from '@entrepot/database';
import { type ImageConfig, type Platform, parseImageConfig } from '@entrepot/oci';

/** An image with its config parsed again, since the database keeps the document and not its meaning. */
export interface ImageDescription {
  found: FoundImage;
  detail: ImageDetail;
  config: ImageConfig;
}

/**
 * Everything about the image that a name means.
 *
 * @throws {ImageNotFoundError} nothing has this name
 * @throws {PlatformNotFoundError} it is not here for the platform
 * @throws {InvalidReferenceError}
 */
export async function describeImage(tx: Tx, name: string, platform?: Platform): Promise<ImageDescription> {
  for (;;) {
    const found = await getImage(tx, name, platform);
    const detail = await findImageDetail(tx, found);
    // It went in between: then it is not found the next time, or is another one.
    if (detail === null) continue;
    return { found, detail, config: parseImageConfig(Buffer.from(JSON.stringify(detail.config))) };
  }
}
