import type { ContentContext, StoredObject } from '@entrepot/content';
import type { WrittenContent } from '@entrepot/layers';
import { Staging } from '../staging.js';

const maxInlineBytes = 4096;
const maxInlineTotal = 4 * 1024 * 1024;
const maxPackedBytes = 1024 * 1024;
const packBytes = 4 * 1024 * 1024;

/**
 * The contents of an archive's files on their way into a container: small ones stay with their rows, middling ones share
 * a blob, large ones have one of their own.
 */
export class StagedContent {
  readonly #staging: Staging;
  #inlineBytes = 0;
  #pack: { chunks: Buffer[]; sizeBytes: number; contents: { digest: string }[] } = newPack();

  constructor(content: ContentContext) {
    this.#staging = new Staging(content, 'cp');
  }

  /** What must become blobs before anything refers to it; complete after `flush`. */
  get objects(): readonly StoredObject[] {
    return this.#staging.objects;
  }

  /** Whether all that was returned may be used. */
  get isFlushed(): boolean {
    return this.#pack.contents.length === 0;
  }

  /** Takes in a body of exactly so many bytes. What is returned may be used after `flush`. */
  async store(body: AsyncIterable<Buffer>, sizeBytes: number): Promise<WrittenContent> {
    if (sizeBytes > maxPackedBytes) {
      const { digest } = await this.#staging.store(body, { sizeBytes });
      return { kind: 'blob', digest, offsetBytes: 0 };
    }
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (bytes.length <= maxInlineBytes && this.#inlineBytes + bytes.length <= maxInlineTotal) {
      this.#inlineBytes += bytes.length;
      return { kind: 'inline', bytes };
    }
    return this.#intoPack(bytes);
  }

  /** Stores what is still in memory. */
  async flush(): Promise<void> {
    const { chunks, sizeBytes, contents } = this.#pack;
    this.#pack = newPack();
    if (contents.length === 0) return;
    const { digest } = await this.#staging.store(inOrder(chunks), { sizeBytes });
    for (const content of contents) content.digest = digest;
  }

  /** Lets go of everything that did not become a blob. */
  close(published: readonly StoredObject[] = []): Promise<void> {
    return this.#staging.close(published);
  }

  async #intoPack(bytes: Buffer): Promise<WrittenContent> {
    // Known when the pack is stored.
    const content: WrittenContent = { kind: 'blob', digest: '' as never, offsetBytes: this.#pack.sizeBytes };
    this.#pack.chunks.push(bytes);
    this.#pack.sizeBytes += bytes.length;
    this.#pack.contents.push(content);
    if (this.#pack.sizeBytes >= packBytes) await this.flush();
    return content;
  }
}

function newPack(): { chunks: Buffer[]; sizeBytes: number; contents: { digest: string }[] } {
  return { chunks: [], sizeBytes: 0, contents: [] };
}

async function* inOrder(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
