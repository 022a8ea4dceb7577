import type { ContainerRow } from '@entrepot/database';
import type { OpenContainer } from './container-trees.js';

/** What a container shows, without its row. */
export type ShownTree = Omit<OpenContainer, 'container'>;

type Moment = Pick<ContainerRow, 'id' | 'version'>;

/** Of all trees together, those of the layers below counted once. */
const maxBytes = 40e6;
const maxTrees = 16;

/**
 * The trees of containers that were open last, each as it was at one version: `docker cp` looks twice before it writes.
 * Whoever gets one only looks at it.
 */
export class KeptTrees {
  /** The one used last at the end. */
  readonly #kept = new Map<string, { version: number; shown: ShownTree }>();

  get({ id, version }: Moment): ShownTree | null {
    const known = this.#kept.get(id);
    if (known?.version !== version) return null;
    this.#kept.delete(id);
    this.#kept.set(id, known);
    return known.shown;
  }

  keep({ id, version }: Moment, shown: ShownTree): void {
    this.#kept.delete(id);
    this.#kept.set(id, { version, shown });
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= maxTrees && this.#usedBytes() <= maxBytes) return;
      this.#kept.delete(oldest);
    }
  }

  #usedBytes(): number {
    const trees = new Set([...this.#kept.values()].flatMap(({ shown }) => [shown.tree, shown.below]));
    return [...trees].reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  }
}
