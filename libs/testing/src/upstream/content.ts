import { type Digest, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import { type Answer, errorAnswer, jsonAnswer } from './answer.js';

interface PutManifest {
  bytes: Buffer;
  mediaType: string;
}

interface Repository {
  manifests: Map<string, PutManifest>;
  tags: Map<string, string>;
  blobs: Map<string, Buffer>;
}

/** What the upstream has. Tags and blobs belong to a repository, as in a real one. */
export class UpstreamContent {
  readonly #repositories = new Map<string, Repository>();

  putBlob(repository: string, bytes: Buffer, digest: Digest = digestOf(bytes)): Digest {
    this.#repository(repository).blobs.set(digest, bytes);
    return digest;
  }

  putManifest(repository: string, manifest: PutManifest, tags: string[]): Digest {
    const digest = digestOf(manifest.bytes);
    const { manifests, tags: known } = this.#repository(repository);
    manifests.set(digest, manifest);
    for (const tag of tags) known.set(tag, digest);
    return digest;
  }

  deleteBlob(repository: string, digest: string): void {
    this.#repositories.get(repository)?.blobs.delete(digest);
  }

  deleteManifest(repository: string, reference: string): void {
    const found = this.#repositories.get(repository);
    if (!found?.tags.delete(reference)) found?.manifests.delete(reference);
  }

  /** A blob of the repository, or of any when none is named (the storage behind the registry knows no repositories). */
  findBlob(digest: string, repository?: string): Buffer | null {
    if (repository !== undefined) return this.#repositories.get(repository)?.blobs.get(digest) ?? null;
    for (const { blobs } of this.#repositories.values()) {
      const bytes = blobs.get(digest);
      if (bytes !== undefined) return bytes;
    }
    return null;
  }

  manifestAnswer(repository: string, reference: string): Answer {
    const found = this.#repositories.get(repository);
    const digest = found?.tags.get(reference) ?? reference;
    const manifest = found?.manifests.get(digest);
    if (manifest === undefined) {
      return errorAnswer(404, 'MANIFEST_UNKNOWN', 'manifest unknown', { unknown: reference });
    }
    const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': digest, etag: `"${digest}"` };
    return { status: 200, headers, body: manifest.bytes };
  }

  /** Manifests of the repository that have this one as their subject. */
  referrersAnswer(repository: string, digest: string): Answer {
    const all = [...(this.#repositories.get(repository)?.manifests ?? [])];
    const manifests = all.flatMap(([own, { bytes, mediaType }]) => {
      const { subject, artifactType, config } = parseOrNothing(bytes);
      if (subject?.digest !== digest) return [];
      return [{ mediaType, digest: own, size: bytes.length, artifactType: artifactType ?? config?.mediaType }];
    });
    const mediaType = MEDIA_TYPES.ociIndex;
    return jsonAnswer(200, { schemaVersion: 2, mediaType, manifests }, { 'content-type': mediaType });
  }

  /** The tag names in order, or null for an unknown repository. */
  findTags(repository: string): string[] | null {
    const found = this.#repositories.get(repository);
    return found === undefined ? null : [...found.tags.keys()].sort();
  }

  repositories(): string[] {
    return [...this.#repositories.keys()].sort();
  }

  #repository(name: string): Repository {
    const found = this.#repositories.get(name) ?? { manifests: new Map(), tags: new Map(), blobs: new Map() };
    this.#repositories.set(name, found);
    return found;
  }
}

/** Upstreams may hold what is no manifest at all. */
function parseOrNothing(bytes: Buffer): {
  subject?: { digest?: string };
  artifactType?: string;
  config?: { mediaType?: string };
} {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return {};
  }
}

/** The bytes of a blob, or the part of them that a `Range` header asks for. */
export function blobAnswer(bytes: Buffer, digest: string, range: string | undefined): Answer {
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
  };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === undefined) return { status: 200, headers, body: bytes };
  const start = Number(from);
  const end = to ? Math.min(Number(to), bytes.length - 1) : bytes.length - 1;
  if (start >= bytes.length) {
    const unsatisfied = { 'content-range': `bytes */${bytes.length}` };
    return { status: 416, headers: unsatisfied, body: Buffer.alloc(0) };
  }
  const contentRange = { 'content-range': `bytes ${start}-${end}/${bytes.length}` };
  return { status: 206, headers: { ...headers, ...contentRange }, body: bytes.subarray(start, end + 1) };
}

/** One page of tags with the link to the next. */
export function tagsAnswer(
  repository: string,
  tags: string[] | null,
  query: URLSearchParams,
  pageSize: number,
): Answer {
  if (tags === null) {
    return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to registry', { name: repository });
  }
  const last = query.get('last');
  const limit = Math.min(Number(query.get('n') ?? pageSize), pageSize);
  const rest = last === null ? tags : tags.filter((tag) => tag > last);
  const page = rest.slice(0, limit);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (page.length < rest.length) {
    const next = new URLSearchParams({ n: `${limit}`, last: page.at(-1) ?? '' });
    headers.link = `</v2/${repository}/tags/list?${next}>; rel="next"`;
  }
  return { status: 200, headers, body: Buffer.from(JSON.stringify({ name: repository, tags: page })) };
}
