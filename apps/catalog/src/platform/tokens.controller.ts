import { randomBytes } from 'node:crypto';
import {
  type Database,
  deleteToken as deleteRow,
  insertEvents,
  insertToken,
  listTokens as listRows,
  type TokenRow,
} from '@entrepot/database';
import { createToken, deleteToken, type EndpointOutput, listTokens } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { hashToken } from '../access/access.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

type TokenJson = EndpointOutput<typeof listTokens>['items'][number];

/** Who may come in. Secrets are told once and kept as hashes only. */
@Controller()
export class TokensController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(createToken)
  async create({ body }: Call<typeof createToken>): Promise<Answer<typeof createToken>> {
    const { name, role } = body;
    const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
    if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
      const errors = [{ in: 'body' as const, field: 'expiresAt', message: 'expected a time to come' }];
      throw new PlatformError(400, 'INVALID_REQUEST', 'body expiresAt: expected a time to come', { errors });
    }
    const secret = `ent_${randomBytes(32).toString('base64url')}`;
    const row = await this.database.transaction(async (tx) => {
      const made = await insertToken(tx, { name, role, hash: hashToken(secret), expiresAt });
      if (made === null) throw new PlatformError(409, 'TOKEN_EXISTS', `there is a token ${name} already`);
      const change = { from: null, to: { role, expiresAt } };
      await insertEvents(tx, [{ type: 'token', action: 'create', actorId: name, attributes: { name, role }, change }]);
      return made;
    });
    return { token: tokenJson(row), secret };
  }

  @Handles(listTokens)
  async list(_: Call<typeof listTokens>): Promise<Answer<typeof listTokens>> {
    return { items: (await listRows(this.database.prisma)).map(tokenJson) };
  }

  @Handles(deleteToken)
  async delete({ params: { name } }: Call<typeof deleteToken>): Promise<undefined> {
    await this.database.transaction(async (tx) => {
      const row = await deleteRow(tx, name);
      if (row === null) throw new PlatformError(404, 'TOKEN_NOT_FOUND', `there is no token ${name}`);
      const change = { from: { role: row.role, expiresAt: row.expiresAt }, to: null };
      const attributes = { name, role: row.role };
      await insertEvents(tx, [{ type: 'token', action: 'delete', actorId: name, attributes, change }]);
    });
    return undefined;
  }
}

function tokenJson({ name, role, createdBy, createdAt, lastUsedAt, expiresAt }: TokenRow): TokenJson {
  return {
    ...{ name, role, createdBy },
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
