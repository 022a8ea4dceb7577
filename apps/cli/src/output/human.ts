const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** Bytes as docker prints them: decimal units, `digits` significant digits (docker images: 3, docker system df: 4). */
export function humanSize(bytes: number, digits = 4): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(digits))}${sizeUnits[unit]}`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A span as docker prints it: `About a minute`, `3 hours`, `2 weeks`. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(ms / minuteMs);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(ms / hourMs);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (ms < 14 * dayMs) return `${Math.floor(ms / dayMs)} days`;
  if (ms < 60 * dayMs) return `${Math.floor(ms / dayMs / 7)} weeks`;
  if (ms < 730 * dayMs) return `${Math.floor(ms / dayMs / 30)} months`;
  return `${Math.floor(ms / dayMs / 365)} years`;
}

/** How long ago something was, `N/A` when nobody knows. */
export function humanAge(at: Date | null, now = new Date()): string {
  return at === null ? 'N/A' : `${humanDuration(Math.max(now.getTime() - at.getTime(), 0))} ago`;
}

/** A time as Go prints it, in UTC: `2026-01-02 03:04:05 +0000 UTC`. */
export function goTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

/** Seconds left on a bar: `4s`, `2m10s`, `1h05m`. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
}
