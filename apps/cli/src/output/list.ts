import { compileTemplate, type Template } from '../template/template.js';
import { alignColumns } from './columns.js';

/** How one kind of thing is listed: the values a template may name, the default table, what `-q` prints. */
export interface ListShape<T> {
  /** Values by field, all of them texts or plain JSON; a template may name any of them. */
  row(item: T): Record<string, unknown>;
  /** Header text by field. */
  headers: Record<string, string>;
  /** The default, without the word `table`: `{{.Repository}}\t{{.Tag}}`. */
  table: string;
  /** The field that `--quiet` prints alone. */
  quietField: string;
}

/** How a list is wanted. */
export interface ListOptions {
  /** A Go template, `table TEMPLATE`, `table` or `json`. */
  format?: string;
  /** The items as the server sent them, as one JSON array. */
  json?: boolean;
  quiet?: boolean;
}

/**
 * A list as text, ready to be written.
 *
 * @throws {TemplateError}
 */
export function formatList<T>(items: readonly T[], shape: ListShape<T>, options: ListOptions): string {
  if (options.json) return `${JSON.stringify(items, null, 2)}\n`;
  const rows = items.map((item) => shape.row(item));
  if (options.quiet && options.format === undefined) return lines(rows.map((row) => String(row[shape.quietField])));
  const format = withControls(options.format ?? 'table');
  if (format === 'json') return lines(rows.map((row) => JSON.stringify(row)));
  if (format !== 'table' && !/^table\s/.test(format)) {
    const template = compileTemplate(format);
    return lines(rows.map((row) => template.execute(row)));
  }
  const body = format.slice('table'.length).trim();
  return tableOf(compileTemplate(body === '' ? shape.table : body), rows, shape.headers);
}

function tableOf(template: Template, rows: Record<string, unknown>[], headers: Record<string, string>): string {
  const known = Object.fromEntries(template.fields.map((field) => [field, headers[field] ?? field.toUpperCase()]));
  const cells = (line: string): string[] => line.split('\t');
  return alignColumns([cells(template.execute(known)), ...rows.map((row) => cells(template.execute(row)))]);
}

/** A shell gives `\t` as two characters. */
function withControls(format: string): string {
  return format.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

function lines(texts: string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
