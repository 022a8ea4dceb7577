import { CronExpressionParser } from 'cron-parser';

/**
 * When a cron expression of five fields (or `@daily` and the like) fires next, in the time of a zone.
 *
 * @throws {InvalidCronError} it cannot be read, never fires, or the zone is not known
 */
export function nextRun(cron: string, timezone: string, after: Date = new Date()): Date {
  if (!isZone(timezone)) throw new InvalidCronError(cron, `${timezone} is no time zone`);
  if (!/^@[a-z]+$/.test(cron) && cron.trim().split(/\s+/).length !== 5) {
    throw new InvalidCronError(cron, 'expected five fields: minute, hour, day of month, month, day of week');
  }
  try {
    return CronExpressionParser.parse(cron, { currentDate: after, tz: timezone }).next().toDate();
  } catch (error) {
    throw new InvalidCronError(cron, whyNot(error));
  }
}

function isZone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}

/** The library's word for the thirtieth of February. */
function whyNot(error: unknown): string {
  const { message } = error as Error;
  return /explicit day of month|loop limit|Out of the time span/i.test(message) ? 'it never fires' : message;
}

/** A cron expression that means nothing, or no moment at all. */
export class InvalidCronError extends Error {
  override readonly name = 'InvalidCronError';
  readonly code = 'INVALID_CRON' as const;
  readonly retryable = false;

  constructor(
    readonly cron: string,
    reason: string,
  ) {
    super(`cron ${JSON.stringify(cron)}: ${reason}`);
  }
}
