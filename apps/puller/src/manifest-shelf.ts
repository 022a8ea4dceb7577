import { type ContentContext, findManifestBytes } from '@entrepot/content';
import type { PlannedManifest } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';

/** A manifest as its bytes are. */
export interface ShelvedManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

interface Wish {
  resolve(found: ShelvedManifest | null): void;
  reject(error: unknown): void;
}

/** Finds manifests that are at hand; all that is asked in one turn of the event loop is one query. */
export class ManifestShelf {
  #wishes = new Map<Digest, Wish[]>();

  constructor(private readonly content: ContentContext) {}

  find(digest: Digest): Promise<ShelvedManifest | null> {
    return new Promise((resolve, reject) => {
      if (this.#wishes.size === 0) setImmediate(() => void this.#look());
      this.#wishes.set(digest, [...(this.#wishes.get(digest) ?? []), { resolve, reject }]);
    });
  }

  async #look(): Promise<void> {
    const wishes = this.#wishes;
    this.#wishes = new Map();
    try {
      const found = new Map(
        (await findManifestBytes(this.content, [...wishes.keys()])).map((row) => [row.digest, row]),
      );
      for (const [digest, asking] of wishes) for (const { resolve } of asking) resolve(shelved(found.get(digest)));
    } catch (error) {
      for (const asking of wishes.values()) for (const { reject } of asking) reject(error);
    }
  }
}

function shelved(row: PlannedManifest | undefined): ShelvedManifest | null {
  return row === undefined ? null : { ...row, bytes: Buffer.from(row.bytes) };
}
