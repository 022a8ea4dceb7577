import type { HistoryStep } from '../images/image-history.js';
import { unixSeconds } from './go-time.js';

/** A row of `docker history`. */
export function historyJson(step: HistoryStep): object {
  return {
    Comment: step.comment,
    Created: unixSeconds(step.createdAt),
    CreatedBy: step.createdBy,
    Id: step.imageId ?? '<missing>',
    Size: step.sizeBytes,
    Tags: step.tags.length > 0 ? step.tags : null,
  };
}
