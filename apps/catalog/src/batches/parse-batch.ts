import type { NewBatchItem } from '@entrepot/database';
import { formatPlatform, formatReference, parsePlatform, parseReference, withDefaultTag } from '@entrepot/oci';
import { type BatchRequest, batchRequest, maxBatchItems } from '@entrepot/platform-api';
import { LineCounter, parseDocument } from 'yaml';

/** What is wrong with a batch, each named by item or line. */
export interface BatchIssue {
  /** `items.3`, `line 7`. */
  field: string;
  message: string;
}

/**
 * Reads a file of references: one a line, comments after `#`.
 *
 * @throws {InvalidBatchError} too many lines, or none
 */
export function readTextBatch(text: string): BatchRequest & { places: string[] } {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const items: string[] = [];
  const places: string[] = [];
  for (const [index, line] of lines.entries()) {
    const reference = line.replace(/(^|\s)#.*$/, '').trim();
    if (reference === '') continue;
    items.push(reference);
    places.push(`line ${index + 1}`);
  }
  if (items.length > maxBatchItems) {
    const field = places[maxBatchItems] as string;
    throw new InvalidBatchError([{ field, message: `expected at most ${maxBatchItems} items, not ${items.length}` }]);
  }
  if (items.length === 0) throw new InvalidBatchError([{ field: 'file', message: 'expected at least one item' }]);
  return { items, places };
}

/**
 * Reads a file of the shape of a BatchRequest, in YAML or JSON.
 *
 * @throws {InvalidBatchError} names each line that is wrong
 */
export function readYamlBatch(text: string): BatchRequest & { places: string[] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error', uniqueKeys: true });
  const broken = document.errors.map(({ pos, message }) => ({
    field: `line ${lineCounter.linePos(pos[0]).line}`,
    message,
  }));
  if (broken.length > 0) throw new InvalidBatchError(broken);
  const lineOf = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
      if (node?.range) return `line ${lineCounter.linePos(node.range[0]).line}`;
    }
    return 'file';
  };
  const parsed = batchRequest.safeParse(toValue(document));
  if (!parsed.success) {
    throw new InvalidBatchError(
      parsed.error.issues.map((issue) => {
        const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
        const path = issue.path.join('.');
        const what = [path, keys.join(', ')].filter((part) => part !== '').join('.');
        const message = keys.length > 0 ? 'is not known' : issue.message;
        return {
          field: lineOf([...issue.path, ...keys.slice(0, 1)]),
          message: what === '' ? message : `${what}: ${message}`,
        };
      }),
    );
  }
  return { ...parsed.data, places: parsed.data.items.map((_, index) => lineOf(['items', index])) };
}

/** Aliases are refused: a small file could be a huge list. */
function toValue(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw new InvalidBatchError([{ field: 'file', message: 'expected no aliases' }]);
  }
}

/**
 * The items of a batch, normalised. `places` say where each came from.
 *
 * @throws {InvalidBatchError} names every item that is malformed or there twice
 */
export function readItems(request: BatchRequest, places?: readonly string[]): NewBatchItem[] {
  const issues: BatchIssue[] = [];
  const seen = new Map<string, string>();
  const items: NewBatchItem[] = [];
  for (const [index, entry] of request.items.entries()) {
    const field = places?.[index] ?? `items.${index + 1}`;
    const item = readItem(typeof entry === 'string' ? { reference: entry } : entry, request);
    if ('message' in item) {
      issues.push({ field, message: item.message });
      continue;
    }
    const key = `${item.reference} ${item.platform ?? ''}`;
    const earlier = seen.get(key);
    if (earlier !== undefined) issues.push({ field, message: `${item.reference} is there already, at ${earlier}` });
    else seen.set(key, field);
    items.push(item);
  }
  if (issues.length > 0) throw new InvalidBatchError(issues);
  return items;
}

type Entry = Exclude<BatchRequest['items'][number], string>;

function readItem(entry: Entry, request: BatchRequest): NewBatchItem | { message: string } {
  try {
    const reference = withDefaultTag(parseReference(entry.reference));
    const { domain, path, digest } = reference;
    if (path === 'library/scratch' && domain === 'docker.io') return { message: "'scratch' is a reserved name" };
    const platform = entry.platform ?? request.platform;
    return {
      // A digest decides alone, as with `docker pull`.
      reference: formatReference(digest === undefined ? reference : { domain, path, digest }),
      host: domain,
      platform: platform === undefined ? null : formatPlatform(parsePlatform(platform.toLowerCase())),
      priority: entry.priority ?? 'normal',
      labels: entry.labels ?? {},
    };
  } catch (error) {
    return { message: `${JSON.stringify(entry.reference.slice(0, 200))}: ${(error as Error).message}` };
  }
}

/** A batch cannot be read; nothing of it was taken. */
export class InvalidBatchError extends Error {
  override readonly name = 'InvalidBatchError';
  readonly code = 'INVALID_BATCH' as const;
  readonly retryable = false;

  constructor(readonly issues: readonly BatchIssue[]) {
    const [first] = issues;
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
    super(`${first?.field}: ${first?.message}${more}`);
  }
}
