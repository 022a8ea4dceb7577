import { type Database, listTagMoves as listMoves, listTags as listRows } from '@entrepot/database';
import { parseReference, repositoryName } from '@entrepot/oci';
import { listTagMoves, listTags } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { type Answer, Handles } from './handles.js';

/** Names, and where they pointed. */
@Controller()
export class TagsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(listTags)
  async list({ query }: Call<typeof listTags>): Promise<Answer<typeof listTags>> {
    const { limit } = query;
    const repository = query.repository === undefined ? undefined : repositoryName(parseReference(query.repository));
    const cursor = decodeCursor(z.tuple([z.string(), z.string()]), query.cursor);
    const after = cursor === undefined ? undefined : { repository: cursor[0], tag: cursor[1] };
    const rows = await listRows(this.database.prisma, { repository, after, limit: limit + 1 });
    return pageFrom(
      rows,
      limit,
      ({ familiar, updatedAt, ...tag }) => ({
        ...tag,
        name: `${familiar}:${tag.tag}`,
        updatedAt: updatedAt.toISOString(),
      }),
      (row) => [row.repository, row.tag],
    );
  }

  @Handles(listTagMoves)
  async moves({ query }: Call<typeof listTagMoves>): Promise<Answer<typeof listTagMoves>> {
    const { limit } = query;
    const reference = parseReference(query.name);
    const [beforeId] = decodeCursor(z.tuple([z.int()]), query.cursor) ?? [];
    const place = { repository: repositoryName(reference), tag: reference.tag ?? 'latest' };
    const rows = await listMoves(this.database.prisma, { ...place, beforeId, limit: limit + 1 });
    return pageFrom(
      rows,
      limit,
      ({ at, from, to, pullId }) => ({ at: at.toISOString(), from, to, pullId }),
      (row) => [row.id],
    );
  }
}
