// `filters=` is a JSON object of sets, `{"label":{"a=b":true}}`, from older clients of lists, `{"label":["a=b"]}`.
import type { LabelFilter } from '@entrepot/database';
import { z } from 'zod';
import { EngineError } from './engine-error.js';

// PostgreSQL has no text with a NUL in it, so nothing could match.
const value = z.string().refine((text) => !text.includes('\0'));
const filtersSchema = z.record(z.string(), z.union([z.array(value), z.record(value, z.boolean())]));

/** The filters of a request, by key. */
export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]> = new Map()) {
    this.#values = values;
  }

  /** The values of a key, none when it is not there. */
  values(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** `undefined` when it is not there. @throws {EngineError} neither true nor false */
  boolean(key: string): boolean | undefined {
    if (!this.has(key)) return undefined;
    const values = this.values(key);
    const isTrue = values.includes('true') || values.includes('1');
    const isFalse = values.includes('false') || values.includes('0');
    if (isTrue === isFalse) throw new EngineError(400, `invalid filter '${key}=[${values.join(' ')}]'`);
    return isTrue;
  }

  /** `key` and `key=value` conditions. */
  labels(key: string): LabelFilter[] {
    return this.values(key).map((text) => {
      const equals = text.indexOf('=');
      return equals < 0 ? { key: text } : { key: text.slice(0, equals), value: text.slice(equals + 1) };
    });
  }
}

/**
 * Reads the query parameter `filters`.
 *
 * @throws {EngineError} not JSON, or a key that is not among the accepted ones
 */
export function parseFilters(text: string | undefined, accepted: readonly string[]): Filters {
  if (text === undefined || text === '') return new Filters();
  const parsed = filtersSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new EngineError(400, 'invalid filter');
  const entries = Object.entries(parsed.data);
  const unknown = entries.find(([key]) => !accepted.includes(key));
  if (unknown !== undefined) throw new EngineError(400, `invalid filter '${unknown[0]}'`);
  return new Filters(new Map(entries.map(([key, set]) => [key, Array.isArray(set) ? set : Object.keys(set)])));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
