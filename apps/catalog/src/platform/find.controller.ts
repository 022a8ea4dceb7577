import { type Database, listImageNames } from '@entrepot/database';
import { formatPlatform } from '@entrepot/oci';
import { findImages } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { findImages as find } from '../insides/find-images.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

/** Search inside images. */
@Controller()
export class FindController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(findImages)
  async find({ query }: Call<typeof findImages>): Promise<Answer<typeof findImages>> {
    const { cursor, limit, ...question } = query;
    if (Object.values(question).every((given) => given === undefined)) {
      throw new PlatformError(
        400,
        'INVALID_REQUEST',
        'say what to look for: path, glob, sha256, layer, base, chain, label or package',
      );
    }
    const after = decodeCursor(z.tuple([z.string()]), cursor)?.[0] ?? '';
    const { images, complete } = await find(this.database.prisma, question);
    const ids = [...images.keys()].filter((id) => id > after).sort();
    const rows = await listImageNames(this.database.prisma, ids.slice(0, limit + 1));
    rows.sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = pageFrom(
      rows,
      limit,
      ({ id, tags, os, architecture, variant }) => ({
        ...{ id, tags, matches: images.get(id) ?? [] },
        platform: formatPlatform({ os, architecture, variant: variant ?? undefined }),
      }),
      ({ id }) => [id],
    );
    return { ...page, complete };
  }
}
