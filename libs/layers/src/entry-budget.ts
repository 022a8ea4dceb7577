import { LayerTooLargeError } from './errors.js';

/** What is kept of an entry beside its texts, in a tree or a list. */
const entryBytes = 400;

/** The texts of an entry, of which strangers may send long ones. */
export interface EntryTexts {
  linkTarget: string | null;
  xattrs: Readonly<Record<string, string>>;
}

/** How much memory the entries of tars may take that are kept all at once, names and attributes included. */
export class EntryBudget {
  #usedBytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** @throws {LayerTooLargeError} this one does not fit any more; it names the entry */
  take(path: string, { linkTarget, xattrs }: EntryTexts): void {
    let texts = path.length + (linkTarget?.length ?? 0);
    for (const [key, value] of Object.entries(xattrs)) texts += key.length + value.length;
    // A name is kept whole and in parts, and a character may take two bytes.
    this.#usedBytes += entryBytes + 2 * texts;
    if (this.#usedBytes <= this.maxBytes) return;
    throw new LayerTooLargeError(`its entries take more than ${Math.round(this.maxBytes / 1e6)} MB of memory`, path);
  }
}
