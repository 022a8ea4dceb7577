import { formatGo, formatVerbs } from './format.js';
import { TemplateError } from './lexer.js';

type Value = unknown;
type TemplateFunction = (...args: Value[]) => Value;

/** Go's idea of an empty value. */
export function isTrue(value: Value): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** The functions of Go's templates and those that docker adds. `and` and `or` are carried out by the evaluator. */
export const functions: Record<string, TemplateFunction> = {
  not: (value) => !isTrue(value),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce<Value>((inner, key) => elementOf(inner, key), value),
  slice: (value, from = 0, to?) => sliceOf(value, Number(from), to === undefined ? undefined : Number(to)),
  print: (...values) => printAll(values),
  println: (...values) => `${values.map(formatGo).join(' ')}\n`,
  printf: (format, ...values) => formatVerbs(text(format), values),
  html: (...values) => escapeHtml(printAll(values)),
  urlquery: (...values) => encodeURIComponent(printAll(values)),
  eq: (first, ...others) => others.some((other) => first === other),
  ne: (first, second) => first !== second,
  lt: (first, second) => compare(first, second) < 0,
  le: (first, second) => compare(first, second) <= 0,
  gt: (first, second) => compare(first, second) > 0,
  ge: (first, second) => compare(first, second) >= 0,
  json: (value) => JSON.stringify(value) ?? 'null',
  join: (values, separator) => list(values).map(formatGo).join(text(separator)),
  split: (value, separator) => text(value).split(text(separator)),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  title: (value) => text(value).replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase()),
  pad: (value, before, after) => {
    const inner = text(value);
    return inner === '' ? inner : ' '.repeat(Number(before)) + inner + ' '.repeat(Number(after));
  },
  truncate: (value, length) => [...text(value)].slice(0, Number(length)).join(''),
};

function text(value: Value): string {
  if (typeof value === 'string') return value;
  throw new TemplateError(`expected string; found ${JSON.stringify(value)}`);
}

function list(value: Value): Value[] {
  if (Array.isArray(value)) return value;
  throw new TemplateError(`expected a list; found ${JSON.stringify(value)}`);
}

function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw new TemplateError('error calling len: value has no length');
}

function elementOf(value: Value, key: Value): Value {
  if (Array.isArray(value)) {
    const at = Number(key);
    if (!Number.isInteger(at) || at < 0 || at >= value.length) {
      throw new TemplateError(`error calling index: index out of range: ${String(key)}`);
    }
    return value[at];
  }
  if (typeof value === 'object' && value !== null)
    return Object.hasOwn(value, String(key)) ? (value as never)[String(key)] : '';
  throw new TemplateError('error calling index: index of untyped nil');
}

function sliceOf(value: Value, from: number, to?: number): Value {
  if (typeof value === 'string' || Array.isArray(value)) return value.slice(from, to);
  throw new TemplateError('error calling slice: value is neither a string nor a list');
}

function compare(first: Value, second: Value): number {
  if (typeof first !== typeof second || (typeof first !== 'number' && typeof first !== 'string')) {
    throw new TemplateError('incompatible types for comparison');
  }
  return first === second ? 0 : (first as number) < (second as number) ? -1 : 1;
}

/** Spaces stand between operands of which neither is a string. */
function printAll(values: Value[]): string {
  return values.reduce<string>((line, value, at) => {
    const spaced = at > 0 && typeof value !== 'string' && typeof values[at - 1] !== 'string';
    return `${line}${spaced ? ' ' : ''}${formatGo(value)}`;
  }, '');
}

function escapeHtml(value: string): string {
  const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
  return value.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}
