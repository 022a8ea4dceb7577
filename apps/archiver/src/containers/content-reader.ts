import { type ContentContext, openBlob, readBlob } from '@entrepot/content';
import { type BlobRow, readInlineContents } from '@entrepot/database';
import {
  bytesOfText,
  type IndexEntry,
  type MergedFile,
  type StoredTar,
  type TarFile,
  TarFileReader,
} from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';
import { layerTar } from '../layer-tar.js';
import type { OpenContainer } from './container-trees.js';

/** Where the bytes of a file are to be read from. */
export type ContentSource =
  | { kind: 'kept'; path: string }
  | { kind: 'blob'; digest: Digest; offsetBytes: number; sizeBytes: number }
  /** `layer` is the place in the stack, from 0. */
  | { kind: 'layer'; layer: number; entry: IndexEntry };

const maxShareBytes = 1024 * 1024;
const maxPackBytes = 8 * 1024 * 1024;

/** Where the content of a file is; null when it has none. */
export function sourceOf({ below }: Pick<OpenContainer, 'below'>, file: MergedFile): ContentSource | null {
  if (file.type !== 'file' || file.sizeBytes === 0) return null;
  if ('below' in file.from) return { kind: 'layer', layer: file.from.below.layer, entry: file.from.below.entry };
  const { content } = file.from.written;
  switch (content?.kind) {
    case 'inline':
    case 'kept':
      // With its row, whatever it was made of.
      return { kind: 'kept', path: file.path };
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
 * order; others are looked for one by one. All are announced before the first is read. The caller keeps the blobs, and
 * closes.
 */
export class ContentReader {
  /** The layers that files are read from, by their place. */
  readonly #layers = new Map<number, StoredTar>();
  readonly #files = new TarFileReader();
  readonly #blobs = new Map<Digest, BlobRow>();
  #kept: ReadonlyMap<string, Buffer> = new Map();
  #pack: { digest: Digest; bytes: Buffer } | null = null;

  constructor(
    private readonly content: ContentContext,
    private readonly opened: OpenContainer,
  ) {}

  /** Blobs of which some will be read. */
  know(blobs: readonly BlobRow[]): void {
    for (const blob of blobs) this.#blobs.set(blob.digest, blob);
  }

  /** A content that will be asked for; nothing of it is kept. */
  announce(source: ContentSource): void {
    if (source.kind === 'layer') this.#files.announce(this.#fileOf(source));
  }

  /** Some contents that are asked for next: small ones are read together. */
  async prepare(sources: readonly ContentSource[]): Promise<void> {
    const paths = sources.flatMap((source) => (source.kind === 'kept' ? source.path : []));
    if (paths.length === 0) return;
    const { prisma } = this.content.database;
    const bytes = await readInlineContents(prisma, this.opened.container.id, paths.map(bytesOfText));
    this.#kept = new Map(paths.flatMap((path, index) => (bytes[index] ? [[path, bytes[index]]] : [])));
  }

  async *read(source: ContentSource): AsyncGenerator<Buffer> {
    switch (source.kind) {
      case 'kept':
        yield this.#readKept(source.path);
        return;
      case 'blob':
        return yield* this.#readBlob(source);
      case 'layer':
        yield* this.#files.read(this.#fileOf(source));
    }
  }

  async close(): Promise<void> {
    await this.#files.close();
  }

  #fileOf({ layer, entry }: Extract<ContentSource, { kind: 'layer' }>): TarFile {
    const descriptor = this.opened.layers[layer];
    if (descriptor === undefined) throw new Error(`there is no layer ${layer}`);
    const tar = this.#layers.get(layer) ?? layerTar(this.content, descriptor.digest);
    this.#layers.set(layer, tar);
    return { tar, entry };
  }

  #readKept(path: string): Buffer {
    const found = this.#kept.get(path);
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
      return yield* (await openBlob(this.content, this.#blob(digest), range)) as AsyncIterable<Buffer>;
    }
    if (this.#pack?.digest !== digest) {
      this.#pack = { digest, bytes: await readBlob(this.content, this.#blob(digest), maxPackBytes) };
    }
    yield this.#pack.bytes.subarray(offsetBytes, offsetBytes + sizeBytes);
  }

  #blob(digest: Digest): BlobRow | Digest {
    return this.#blobs.get(digest) ?? digest;
  }
}
