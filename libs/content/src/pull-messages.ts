import {
  type Digest,
  digestHex,
  familiarReference,
  familiarRepository,
  type Reference,
  repositoryName,
} from '@entrepot/oci';
import { progressText } from './progress-text.js';

/** One blob of a pull at one moment. */
export interface BlobView {
  digest: Digest;
  sizeBytes: number;
  isLayer: boolean;
  /** Stored before this pull asked for it. */
  wasHere: boolean;
  bytesDone: number;
  stored: boolean;
}

/** What can be said about a pull at one moment. */
export interface PullView {
  /** Empty until it is known what the pull needs. */
  blobs: readonly BlobView[];
  /** Lines of the timeline that were not seen before; those about a layer begin with its short digest. */
  lines: readonly string[];
  /** The manifest or index that the reference names. */
  target?: Digest;
  outcome?: 'downloaded' | 'up-to-date';
}

/** One object of Docker's message stream. */
export interface DockerMessage {
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  progress?: string;
  errorDetail?: { message: string };
  error?: string;
}

const parallelDownloads = 3;
const progressStepBytes = 512 * 1024;

interface LayerLine extends BlobView {
  printedBytes: number;
  downloaded: boolean;
  complete: boolean;
}

/** Says what changed between two views of one pull, in dockerd's words and order. One for each client. */
export class PullMessages {
  readonly #reference: Reference;
  readonly #layers = new Map<Digest, LayerLine>();
  #opened = false;

  constructor(reference: Reference) {
    this.#reference = reference;
  }

  /** Whether anything was said, so that a failure can no longer be a status. */
  get opened(): boolean {
    return this.#opened;
  }

  /** The line every stream begins with; nothing when it was said already. */
  open(): DockerMessage[] {
    if (this.#opened) return [];
    this.#opened = true;
    return [{ status: `Pulling from ${remotePath(this.#reference)}`, id: nameOf(this.#reference) }];
  }

  /** What is new since the last view. */
  update(view: PullView): DockerMessage[] {
    if (view.blobs.length === 0 && view.lines.length === 0) return [];
    return [
      ...this.open(),
      ...(this.#layers.size === 0 ? this.#announce(view.blobs) : []),
      ...view.lines.map(lineMessage),
      ...view.blobs.flatMap((blob) => this.#advance(blob)),
      ...this.#completeInOrder(),
    ];
  }

  /** The end of a pull that succeeded, but for its status. */
  close(view: PullView): DockerMessage[] {
    return [...this.open(), { status: `Digest: ${view.target}` }];
  }

  /** An image that was here with all it needs gets no lines at all, a shared layer says so. */
  #announce(blobs: readonly BlobView[]): DockerMessage[] {
    for (const blob of blobs) {
      if (blob.isLayer)
        this.#layers.set(blob.digest, { ...blob, printedBytes: 0, downloaded: false, complete: blob.wasHere });
    }
    if (blobs.every((blob) => blob.wasHere)) return [];
    const layers = [...this.#layers.values()];
    const waiting = layers.filter((layer) => !layer.wasHere).slice(parallelDownloads);
    return [
      ...layers.map((layer) => layerMessage(layer.digest, layer.wasHere ? 'Already exists' : 'Pulling fs layer')),
      ...waiting
        .filter((layer) => layer.bytesDone === 0 && !layer.stored)
        .map((layer) => layerMessage(layer.digest, 'Waiting')),
    ];
  }

  #advance(blob: BlobView): DockerMessage[] {
    const layer = this.#layers.get(blob.digest);
    if (!layer || layer.wasHere || layer.downloaded) return [];
    const messages = this.#downloading(layer, blob.stored ? blob.sizeBytes : blob.bytesDone);
    if (!blob.stored) return messages;
    layer.downloaded = true;
    messages.push(layerMessage(blob.digest, 'Verifying Checksum'), layerMessage(blob.digest, 'Download complete'));
    return messages;
  }

  #downloading(layer: LayerLine, bytes: number): DockerMessage[] {
    const step = Math.min(progressStepBytes, layer.sizeBytes / 100);
    if (bytes === layer.printedBytes) return [];
    if (bytes > layer.printedBytes && bytes - layer.printedBytes < step && bytes < layer.sizeBytes) return [];
    layer.printedBytes = bytes;
    const progress = { current: bytes, total: layer.sizeBytes };
    return [
      { status: 'Downloading', progressDetail: progress, progress: progressText(progress), id: shortId(layer.digest) },
    ];
  }

  /** Docker unpacks strictly in order, and scripts know it that way. */
  #completeInOrder(): DockerMessage[] {
    const messages: DockerMessage[] = [];
    for (const layer of this.#layers.values()) {
      if (layer.complete) continue;
      if (!layer.downloaded) break;
      layer.complete = true;
      messages.push(layerMessage(layer.digest, 'Pull complete'));
    }
    return messages;
  }
}

/** The last line of a pull. */
export function statusMessage(outcome: PullView['outcome'] | null, reference: Reference): DockerMessage {
  const name = familiarReference(reference);
  return {
    status: `Status: ${outcome === 'up-to-date' ? 'Image is up to date' : 'Downloaded newer image'} for ${name}`,
  };
}

/** A failure inside the stream; without `errorDetail` the docker command would end as if all were well. */
export function errorMessage(message: string): DockerMessage {
  return { errorDetail: { message }, error: message };
}

function lineMessage(line: string): DockerMessage {
  const about = /^([0-9a-f]{12}): (.+)$/s.exec(line);
  return about ? { status: about[2], progressDetail: {}, id: about[1] } : { status: line };
}

function layerMessage(digest: Digest, status: string): DockerMessage {
  return { status, progressDetail: {}, id: shortId(digest) };
}

const shortId = (digest: Digest): string => digestHex(digest).slice(0, 12);

/** `demo/base`, and `library/redis` for the hub: the name without its host. */
const remotePath = (reference: Reference): string => reference.path;

/** The tag, or for a digest the whole name. */
function nameOf(reference: Reference): string {
  if (!reference.digest) return reference.tag ?? 'latest';
  return `${familiarRepository(repositoryName(reference))}@${reference.digest}`;
}
