import { type Fail, isJsonObject, type JsonObject } from './json-document.js';

/**
 * Reads the fields of one untrusted JSON object. A field of the wrong type
 * throws what `fail` makes; `null` counts as absent, as Go's decoder has it.
 */
export class JsonFields {
  readonly #object: JsonObject;
  readonly #fail: Fail;

  constructor(value: unknown, fail: Fail) {
    if (!isJsonObject(value)) throw fail('not a JSON object');
    this.#object = value;
    this.#fail = fail;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** The field as it is; own fields only, so that `constructor` is not one. */
  value(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? (this.#object[name] ?? undefined) : undefined;
  }

  string(name: string): string {
    return this.optionalString(name) ?? this.#missing(name);
  }

  optionalString(name: string): string | undefined {
    return this.#typed(name, 'a string', (value) => typeof value === 'string');
  }

  /** Printable ASCII of moderate length: names that end up in keys, columns and messages. */
  optionalPlainText(name: string): string | undefined {
    const text = this.optionalString(name);
    if (text !== undefined && !/^[ -~]{0,255}$/.test(text)) throw this.#fail(`${name} must be short and plain text`);
    return text;
  }

  optionalBoolean(name: string): boolean | undefined {
    return this.#typed(name, 'a boolean', (value) => typeof value === 'boolean');
  }

  optionalInteger(name: string): number | undefined {
    return this.#typed(name, 'an integer', Number.isSafeInteger);
  }

  /** A count of bytes: a whole number from 0 to 2^53-1. */
  sizeBytes(name: string): number {
    const size = this.optionalInteger(name) ?? this.#missing(name);
    if (size < 0) throw this.#fail(`${name} must not be negative`);
    return size;
  }

  optionalStrings(name: string): string[] | undefined {
    return this.#typed(name, 'a list of strings', (value) => Array.isArray(value) && value.every(isString));
  }

  /** A list whose elements are read one by one by `parse`, which gets the place for its messages. */
  list<T>(name: string, parse: (element: unknown, where: string) => T): T[] {
    const elements = this.#typed<unknown[]>(name, 'a list', Array.isArray) ?? [];
    return elements.map((element, i) => parse(element, `${name}[${i}]`));
  }

  optionalStringMap(name: string): Record<string, string> | undefined {
    return this.#typed(
      name,
      'an object of strings',
      (value) => isJsonObject(value) && Object.values(value).every(isString),
    );
  }

  optionalObject(name: string): JsonObject | undefined {
    return this.#typed(name, 'an object', isJsonObject);
  }

  #typed<T>(name: string, expected: string, accepts: (value: unknown) => boolean): T | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!accepts(value)) throw this.#fail(`${name} must be ${expected}`);
    return value as T;
  }

  #missing(name: string): never {
    throw this.#fail(`${name} is missing`);
  }
}

/** Leaves out the fields that are undefined, so that a printed or compared value has no empty places. */
export function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
