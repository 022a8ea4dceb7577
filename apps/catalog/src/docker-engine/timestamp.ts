// Times as Docker's clients write them: a duration before now (`1h30m`), a date, RFC 3339 with or without zone and
// seconds, or unix seconds.
import { EngineError } from './engine-error.js';

const unitSeconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
const durationPattern = /^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/;
const datePattern = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?(z|Z|[+-]\d\d:\d\d)?$/;

/**
 * Reads a time into unix seconds.
 *
 * @throws {EngineError} with dockerd's text
 */
export function parseTimestamp(text: string, now: Date): number {
  if (durationPattern.test(text)) return now.getTime() / 1000 - parseDuration(text);
  const date = parseDate(text);
  if (date !== null) return date;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new EngineError(500, `failed to parse value as time or duration: ${JSON.stringify(text)}`);
}

function parseDuration(text: string): number {
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    seconds += Number(amount) * (unitSeconds[unit as string] ?? 0);
  }
  return text.startsWith('-') ? -seconds : seconds;
}

/** Without a zone it is the time of this machine, as with dockerd. */
function parseDate(text: string): number | null {
  const match = datePattern.exec(text);
  if (!match) return null;
  const [, day, hours = '00', minutes = '00', seconds = '00', zone = ''] = match;
  const [whole = '00', fraction = ''] = seconds.split('.');
  const at = Date.parse(`${day}T${hours}:${minutes}:${whole}${zone.toUpperCase()}`);
  return Number.isNaN(at) ? null : at / 1000 + Number(`0.${fraction || '0'}`);
}
