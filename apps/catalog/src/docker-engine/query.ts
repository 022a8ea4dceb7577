import { type Platform, parseOciPlatform } from '@entrepot/oci';
import { EngineError } from './engine-error.js';

/** A query parameter: absent, once, or several times. */
export type QueryValue = string | string[] | undefined;

/** The query of a request. */
export type QueryValues = Readonly<Record<string, QueryValue>>;

/** Docker's rule: everything but nothing, `0`, `no`, `false` and `none` is true. */
export function isTrue(value: QueryValue): boolean {
  const text = one(value).trim().toLowerCase();
  return !['', '0', 'no', 'false', 'none'].includes(text);
}

/** The first value, '' when there is none. */
export function one(value: QueryValue): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

/** All values. */
export function all(value: QueryValue): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** `platform=` in its JSON form. @throws {InvalidPlatformError} with dockerd's text */
export function readPlatform(value: QueryValue): Platform | undefined {
  const texts = all(value).filter((text) => text !== '');
  if (texts.length > 1) throw new EngineError(400, 'multiple platforms are not supported');
  return texts[0] === undefined ? undefined : parseOciPlatform(texts[0]);
}
