import { UsageError } from '../exit-code.js';

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment as docker takes it: RFC 3339, unix seconds, or so long ago (`10m`, `1h30m`).
 *
 * @throws {UsageError}
 */
export function readMoment(text: string, now = new Date()): Date {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000);
  if (/^(\d+[smhd])+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+)([smhd])/g)];
    const ago = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? 's'] ?? 0), 0);
    return new Date(now.getTime() - ago);
  }
  const at = new Date(text);
  if (Number.isNaN(at.getTime()))
    throw new UsageError(`${JSON.stringify(text)} is no time: expected RFC 3339, unix seconds, or a duration like 10m`);
  return at;
}
