import { isIP } from 'node:net';
import { z } from 'zod';
import type { ListenAddress } from './config.js';

/** Zod's own texts may quote the input; ours say only what is expected. */
function text<T>(expected: string, read: (value: string) => T | undefined) {
  return z.string().transform((value, context) => {
    const result = read(value.trim());
    if (result !== undefined) return result;
    context.issues.push({ code: 'custom', input: undefined, message: `expected ${expected}` });
    return z.NEVER;
  });
}

/** `host:port`, `[::1]:port`, `:port` (every address) or a bare port (loopback). */
export const listenAddress = text('host:port, like 127.0.0.1:2375', parseListenAddress);

/** A number of milliseconds from `1h`, `30m`, `90s`, `500ms`, `2d` or `0`. */
export const duration = text('a duration like 1h, 30m or 0', (value) => {
  if (value === '0') return 0;
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(value) ?? [];
  return unit === undefined ? undefined : Number(amount) * (unitsMs[unit] ?? Number.NaN);
});

/** A number of bytes from `500GB`, `2TB`, `750MB` or plain digits. */
export const byteSize = text('a size like 500GB', (value) => {
  const [, amount, unit] = /^(\d{1,15})\s*(B|kB|KB|MB|GB|TB)?$/.exec(value) ?? [];
  const bytes = Number(amount) * (unitsBytes[unit?.toUpperCase() ?? 'B'] ?? Number.NaN);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
});

/** A whole number from 1 up. */
export function count(most: number) {
  return text(`a whole number from 1 to ${most}`, (value) => {
    const number = /^\d{1,6}$/.test(value) ? Number(value) : 0;
    return number >= 1 && number <= most ? number : undefined;
  });
}

/** Seconds since 1970. */
export const epoch = text('seconds since 1970', (value) =>
  /^\d{1,11}$/.test(value) ? new Date(Number(value) * 1000) : undefined,
);

/** `1`, `true`, `yes`, `on` or their opposites. */
export const flag = text('1 or 0', (value) => flags[value.toLowerCase()]);

/** 32 bytes as 64 hexadecimal digits or as base64, of either alphabet. */
export const key = text('32 bytes in base64 or hex, as `openssl rand -base64 32` prints them', (value) => {
  if (/^[0-9a-f]{64}$/i.test(value)) return Buffer.from(value, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(value)) return undefined;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === 32 ? bytes : undefined;
});

/** A secret between our own processes. */
export const secret = text('at least 16 characters', (value) => (value.length >= 16 ? value : undefined));

/** A URL with one of these schemes. Kept as it was written, for drivers know more forms than `URL` does. */
export function url(...schemes: string[]) {
  const expected = `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return text(expected, (value) =>
    schemes.some((scheme) => value.startsWith(`${scheme}://`)) && !/\s/.test(value) ? value : undefined,
  );
}

/** Base addresses of servers, comma between them. */
export const serverUrls = text('http:// URLs, comma between them', (value) => {
  const urls = value.split(',').map((part) => part.trim().replace(/\/+$/, ''));
  return urls.every((part) => /^https?:\/\/[^/?#@\s]+$/.test(part) && URL.canParse(part)) ? urls : undefined;
});

/** One of a few words. */
export function word<const W extends string>(...words: W[]) {
  return text(`one of ${words.join(', ')}`, (value) => words.find((known) => known === value.toLowerCase()));
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

const unitsBytes: Record<string, number> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const flags: Record<string, boolean> = {
  ...{ 1: true, true: true, yes: true, on: true },
  ...{ 0: false, false: false, no: false, off: false },
};

function parseListenAddress(value: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(value) ?? [];
  const port = Number(digits ?? Number.NaN);
  if (!(port <= 65_535)) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  if (plain === '') return { host: '0.0.0.0', port };
  if (plain === undefined) return { host: '127.0.0.1', port };
  return /^[A-Za-z0-9.-]+$/.test(plain) ? { host: plain, port } : undefined;
}
