import { type ContentContext, openBlob, readBlob } from '@entrepot/content';
import { readInlineContents } from '@entrepot/database';
import { bytesOfText, type IndexEntry, type MergedFile, readLayerFile, readLayerFiles } from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';
import type { OpenContainer } from './container-trees.js';

/** Where the bytes of a file are to be read from. */
export type ContentSource =
  | { kind: 'kept'; path: string }
  | { kind: 'blob'; digest: Digest; offsetBytes: number; sizeBytes: number }
  /** `layer` is the place in the stack, from 0. */
  | { kind: 'layer'; layer: number; entry: IndexEntry };

const keptAtOnce = 200;
const maxShareBytes = 1024 * 1024;
const maxPackBytes = 8 * 1024 * 1024;

/** Where the content of a file is; null when it has none. */
export function sourceOf({ below }: Pick<OpenContainer, 'below'>, file: MergedFile): ContentSource | null {
  if (file.type !== 'file' || file.sizeBytes === 0) return null;
  if ('below' in file.from) return { kind: 'layer', layer: file.from.below.layer, entry: file.from.below.entry };
  const { content } = file.from.written;
  switch (content?.kind) {
    case 'kept':
      return content;
    case 'blob':
      return { kind: 'blob', digest: content.digest, offsetBytes: content.offsetBytes, sizeBytes: file.sizeBytes };
    case 'below': {
      const found = below.find(content.path);
      return found && { kind: 'layer', layer: found.layer, entry: found.entry };
    }
    default:
      throw new Error(`${file.path} has no content to read`);
  }
}

/**
 * Reads contents one after the other. Those that come from one layer are read in one pass when they are asked for in its
 * order, which `sources` announces; others are looked for one by one. The caller keeps the blobs, and closes.
 */
export class ContentReader {
  readonly #passes = new Map<number, LayerPass>();
  readonly #kept: string[];
  #keptBytes = new Map<string, Buffer>();
  #pack: { digest: Digest; bytes: Buffer } | null = null;

  constructor(
    private readonly content: ContentContext,
    private readonly opened: OpenContainer,
    sources: readonly ContentSource[],
  ) {
    this.#kept = sources.flatMap((source) => (source.kind === 'kept' ? source.path : []));
    for (const source of sources) {
      if (source.kind !== 'layer') continue;
      const pass = this.#passes.get(source.layer) ?? new LayerPass((layer) => this.#openLayer(layer), source.layer);
      pass.announce(source.entry);
      this.#passes.set(source.layer, pass);
    }
  }

  async *read(source: ContentSource): AsyncGenerator<Buffer> {
    switch (source.kind) {
      case 'kept':
        yield await this.#readKept(source.path);
        return;
      case 'blob':
        return yield* this.#readBlob(source);
      case 'layer': {
        const inPass = await this.#passes.get(source.layer)?.take(source.entry);
        yield* inPass ?? readLayerFile(await this.#openLayer(source.layer), source.entry);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#passes.values()].map((pass) => pass.close()));
  }

  #openLayer(layer: number): ReturnType<typeof openBlob> {
    const descriptor = this.opened.layers[layer];
    if (descriptor === undefined) throw new Error(`there is no layer ${layer}`);
    return openBlob(this.content, descriptor.digest);
  }

  async #readKept(path: string): Promise<Buffer> {
    const known = this.#keptBytes.get(path);
    if (known !== undefined) return known;
    const from = Math.max(this.#kept.indexOf(path), 0);
    const paths = [path, ...this.#kept.slice(from + 1, from + keptAtOnce)];
    const { prisma } = this.content.database;
    const bytes = await readInlineContents(prisma, this.opened.container.id, paths.map(bytesOfText));
    this.#keptBytes = new Map(paths.flatMap((known, index) => (bytes[index] ? [[known, bytes[index]]] : [])));
    const found = this.#keptBytes.get(path);
    if (found === undefined) throw new Error(`/${path} was changed while it was read`);
    return found;
  }

  /** Small ones share a blob, which is read once for all that follow. */
  async *#readBlob({
    digest,
    offsetBytes,
    sizeBytes,
  }: Extract<ContentSource, { kind: 'blob' }>): AsyncGenerator<Buffer> {
    if (sizeBytes > maxShareBytes) {
      const range = { fromByte: offsetBytes, toByte: offsetBytes + sizeBytes };
      return yield* (await openBlob(this.content, digest, range)) as AsyncIterable<Buffer>;
    }
    if (this.#pack?.digest !== digest) {
      this.#pack = { digest, bytes: await readBlob(this.content, digest, maxPackBytes) };
    }
    yield this.#pack.bytes.subarray(offsetBytes, offsetBytes + sizeBytes);
  }
}

/** One pass over a layer, begun when the first of its files is asked for. */
class LayerPass {
  readonly #files = new Map<number, IndexEntry>();
  #pass: AsyncGenerator<[IndexEntry, AsyncIterable<Buffer>]> | null = null;
  #reachedBytes = -1;

  constructor(
    private readonly open: (layer: number) => ReturnType<typeof openBlob>,
    private readonly layer: number,
  ) {}

  announce(entry: IndexEntry): void {
    this.#files.set(entry.offsetBytes, entry);
  }

  /** The content of a file that the pass has not come to yet; null for others. */
  async take({ offsetBytes }: IndexEntry): Promise<AsyncIterable<Buffer> | null> {
    if (offsetBytes <= this.#reachedBytes || !this.#files.has(offsetBytes)) return null;
    this.#pass ??= readLayerFiles(await this.open(this.layer), [...this.#files.values()]);
    for (;;) {
      const next = await this.#pass.next();
      if (next.done) return null;
      const [entry, content] = next.value;
      this.#reachedBytes = entry.offsetBytes;
      if (entry.offsetBytes === offsetBytes) return content;
    }
  }

  async close(): Promise<void> {
    await this.#pass?.return(undefined);
  }
}
