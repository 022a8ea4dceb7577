/** What one layer does to those below it. Directories that are only named again count nowhere. */
export interface LayerChanges {
  entries: number;
  added: number;
  changed: number;
  deleted: number;
  /** Content this layer brings, changed files included. */
  addedBytes: number;
  /** Content of lower layers that this one replaces. */
  changedBytes: number;
  /** Content of lower layers that this one hides. */
  deletedBytes: number;
}

/** A layer that does nothing. */
export function noChanges(): LayerChanges {
  return { entries: 0, added: 0, changed: 0, deleted: 0, addedBytes: 0, changedBytes: 0, deletedBytes: 0 };
}
