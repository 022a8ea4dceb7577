import { InvalidArgumentError } from 'commander';
import { UsageError } from './exit-code.js';

/** For options that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}`);
    }
    return value;
  };
}

/**
 * Filters as `key=value`, by key.
 *
 * @throws {UsageError} no `=`, or a key that is not among `known`
 */
export function readFilters(texts: readonly string[], known: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`invalid filter ${JSON.stringify(text)}: expected name=value`);
    const key = text.slice(0, at);
    if (!known.includes(key)) throw new UsageError(`invalid filter '${key}': there are ${known.join(', ')}`);
    filters[key] = [...(filters[key] ?? []), text.slice(at + 1)];
  }
  return filters;
}

/** The last value of a filter as true or false. @throws {UsageError} */
export function booleanFilter(filters: Record<string, string[]>, key: string): boolean | undefined {
  const text = filters[key]?.at(-1);
  if (text === undefined) return undefined;
  if (/^(1|true)$/i.test(text)) return true;
  if (/^(0|false)$/i.test(text)) return false;
  throw new UsageError(`invalid filter '${key}=${text}': expected true or false`);
}

/** The largest of the numbers that a filter was given. @throws {UsageError} */
export function numberFilter(filters: Record<string, string[]>, key: string): number | undefined {
  const bad = filters[key]?.find((text) => !/^\d{1,15}$/.test(text));
  if (bad !== undefined) throw new UsageError(`invalid filter '${key}=${bad}': expected a whole number`);
  return filters[key] && Math.max(...filters[key].map(Number));
}

/** The options that every list has. */
export const listHelp = {
  format: 'a Go template, "table TEMPLATE", or "json"',
  json: 'print one JSON array, as the API has it',
  quiet: 'only print names or ids',
  noTrunc: 'do not shorten ids and texts',
};

/** Help of what several verbs take. */
export const platformHelp = 'which of the images behind a name, as linux/arm64';
export const layerHelp = 'what the image shows up to this layer, 0 being the lowest';
