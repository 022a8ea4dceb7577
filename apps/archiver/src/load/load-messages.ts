import type { ArchiveEntry } from '@entrepot/archive';
import type { PublishedImage, PublishResult } from '@entrepot/content';
import { familiarReference, parseReference } from '@entrepot/oci';
import type { OnEntryProgress } from './load-sink.js';

/** One object of Docker's message stream. */
export interface LoadMessage {
  stream?: string;
  status?: string;
  id?: string;
  progressDetail?: { current: number; total: number };
  errorDetail?: { message: string };
  error?: string;
}

const everyMs = 100;

/** Says how far each entry is, at most ten times a second, and the end of it always. */
export function progressMessages(say: (message: LoadMessage) => void): OnEntryProgress {
  let saidAtMs = 0;
  return (entry, current) => {
    const now = performance.now();
    if (current < entry.sizeBytes && now - saidAtMs < everyMs) return;
    saidAtMs = now;
    say({ status: 'Loading layer', progressDetail: { current, total: entry.sizeBytes }, id: shortName(entry) });
  };
}

/** What was loaded, in Docker's words: images by their tags, or by their id when they have none. */
export function loadedMessages(images: readonly PublishedImage[], results: readonly PublishResult[]): LoadMessage[] {
  return images.flatMap(({ names }, index) => {
    const { imageId, tags } = results[index] as PublishResult;
    if (names.length === 0) return [{ stream: `Loaded image ID: ${imageId}\n` }];
    return names.flatMap(({ repository, tag }) => {
      const full = `${repository}:${tag}`;
      const name = familiarReference(parseReference(full));
      const previous = tags.get(full)?.previousImageId;
      const loaded = { stream: `Loaded image: ${name}\n` };
      return previous && previous !== imageId ? [renamed(name, previous), loaded] : [loaded];
    });
  });
}

/** What was loaded: images by their tags, or by their id when they have none. */
export function loadedNames(images: readonly PublishedImage[], results: readonly PublishResult[]): string[] {
  return images.flatMap(({ names }, index) =>
    names.length === 0
      ? [(results[index] as PublishResult).imageId]
      : names.map(({ repository, tag }) => familiarReference(parseReference(`${repository}:${tag}`))),
  );
}

/** A failure inside the stream; without `errorDetail` the docker command would end as if all were well. */
export function errorMessage(error: unknown): LoadMessage {
  const { message, dockerMessage = message } = error as Error & { dockerMessage?: string };
  return { errorDetail: { message: dockerMessage }, error: dockerMessage };
}

function renamed(name: string, previous: string): LoadMessage {
  return { stream: `The image ${name} already exists, renaming the old one with ID ${previous} to empty string\n` };
}

/** As Docker shortens a layer: the first of its digest, or of the folder that an older archive keeps it in. */
function shortName({ digest, path }: ArchiveEntry): string {
  const name = digest
    ? digest.slice(digest.indexOf(':') + 1)
    : (path.split('/').find((part) => part !== 'blobs') ?? path);
  return name.slice(0, 12);
}
