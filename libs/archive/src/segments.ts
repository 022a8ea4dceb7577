import { createHash } from 'node:crypto';
import type { Digest } from '@entrepot/oci';
import { tarEndBytes, tarHeader, tarPaddingBytes } from './tar-header.js';

/** A piece of an archive: bytes of our own, a blob of the store, or so many zeros. */
export type Segment =
  | { kind: 'bytes'; bytes: Buffer }
  | { kind: 'blob'; digest: Digest; sizeBytes: number }
  | { kind: 'zeros'; sizeBytes: number };

/** An archive that is known to the last byte before any is read. */
export interface ArchivePlan {
  sizeBytes: number;
  /** The same for the same archive, another one for any other. Not quoted. */
  etag: string;
  segments: Segment[];
}

/** Puts tar entries one after the other and keeps count. */
export class PlanBuilder {
  readonly #segments: Segment[] = [];
  #pending: Buffer[] = [];
  #paddingBytes = 0;

  directory(name: string): void {
    this.#bytes(tarHeader({ name, sizeBytes: 0, directory: true }));
  }

  file(name: string, bytes: Buffer): void {
    this.#bytes(tarHeader({ name, sizeBytes: bytes.length }));
    this.#bytes(bytes);
    this.#paddingBytes = tarPaddingBytes(bytes.length);
  }

  blob(name: string, digest: Digest, sizeBytes: number): void {
    this.#bytes(tarHeader({ name, sizeBytes }));
    this.#flush();
    if (sizeBytes > 0) this.#segments.push({ kind: 'blob', digest, sizeBytes });
    this.#paddingBytes = tarPaddingBytes(sizeBytes);
  }

  finish(): ArchivePlan {
    this.#flush();
    const segments: Segment[] = [...this.#segments, { kind: 'zeros', sizeBytes: this.#paddingBytes + tarEndBytes }];
    return {
      sizeBytes: segments.reduce((sum, segment) => sum + segmentBytes(segment), 0),
      etag: etagOf(segments),
      segments,
    };
  }

  #bytes(bytes: Buffer): void {
    this.#pending.push(Buffer.alloc(this.#paddingBytes), bytes);
    this.#paddingBytes = 0;
  }

  #flush(): void {
    if (this.#pending.length > 0) this.#segments.push({ kind: 'bytes', bytes: Buffer.concat(this.#pending) });
    this.#pending = [];
  }
}

/** How much of the archive a segment is. */
export function segmentBytes(segment: Segment): number {
  return segment.kind === 'bytes' ? segment.bytes.length : segment.sizeBytes;
}

function etagOf(segments: readonly Segment[]): string {
  const hash = createHash('sha256');
  for (const segment of segments) {
    hash.update(`${segment.kind} ${segmentBytes(segment)} `);
    if (segment.kind === 'bytes') hash.update(segment.bytes);
    if (segment.kind === 'blob') hash.update(segment.digest);
  }
  return hash.digest('hex');
}
