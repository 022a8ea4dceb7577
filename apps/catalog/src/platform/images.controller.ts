import { tagImage as giveTag } from '@entrepot/content';
import { type Database, listAncestry } from '@entrepot/database';
import { familiarReference, parsePlatform, parseReference } from '@entrepot/oci';
import { getImageHistory, tagImage } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { describeImage } from '../images/describe-image.js';
import { listHistory } from '../images/image-history.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

/** What images there are, what they are made of, and what they are called. */
@Controller()
export class PlatformImagesController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(getImageHistory)
  async history({ params, query }: Call<typeof getImageHistory>): Promise<Answer<typeof getImageHistory>> {
    const platform = query.platform === undefined ? undefined : parsePlatform(query.platform);
    const image = await describeImage(this.database.prisma, params.name, platform);
    const ancestry = await listAncestry(this.database.prisma, image.detail.id);
    return { steps: listHistory(image, ancestry) };
  }

  @Handles(tagImage)
  async tag({ params, body }: Call<typeof tagImage>): Promise<Answer<typeof tagImage>> {
    const reference = parseReference(body.name);
    if (reference.digest !== undefined) {
      throw new PlatformError(400, 'INVALID_REFERENCE', `a name with a digest is no tag: ${body.name}`);
    }
    const target = { ...reference, tag: reference.tag ?? 'latest' };
    await giveTag({ database: this.database }, { source: params.name, target });
    return { name: familiarReference(target) };
  }
}
