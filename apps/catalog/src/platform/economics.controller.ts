import { type Database, type EconomicsKey, listStoredBytes, measureUsedBytes } from '@entrepot/database';
import { getEconomics } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { type Answer, Handles } from './handles.js';

/** What images cost. */
@Controller()
export class EconomicsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(getEconomics)
  async economics({ query }: Call<typeof getEconomics>): Promise<Answer<typeof getEconomics>> {
    const { by, label, limit } = query;
    const key: EconomicsKey = by === 'label' ? { by, label } : { by };
    const groups = await listStoredBytes(this.database.prisma, { key, limit });
    const { blobs, sizeBytes, wouldTakeBytes } = await measureUsedBytes(this.database.prisma);
    return { usedBytes: sizeBytes, unsharedBytes: wouldTakeBytes, blobs, groups };
  }
}
