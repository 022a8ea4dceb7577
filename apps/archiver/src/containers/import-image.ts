import { randomUUID } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { type AnalysisWishes, type ContentContext, createImage, type StoredLayer, storeLayer } from '@entrepot/content';
import { type JobQueue, publishPull } from '@entrepot/jobs';
import {
  asCorruptStream,
  CorruptStreamError,
  decompressed,
  defaultTarLimits,
  InvalidTarError,
  layerEntry,
  TarReader,
  withinLimits,
} from '@entrepot/layers';
import {
  type Digest,
  defaultPlatform,
  type Platform,
  printImageConfig,
  type Reference,
  repositoryName,
} from '@entrepot/oci';
import { applyChanges } from './apply-changes.js';
import { ContainerPathError } from './errors.js';

/** What an import is told. */
export interface ImportRequest {
  name: Reference | null;
  platform: Platform | null;
  message: string;
  changes: readonly string[];
}

/** What importing needs. */
export interface ImportParts {
  content: ContentContext;
  queue: JobQueue;
  analysis: Pick<AnalysisWishes, 'add'>;
}

/**
 * Makes an image of one layer out of a tar. The layer is the plain tar as it came, whatever is in it.
 *
 * @throws {ContainerPathError} a change that is none, or bytes that are no tar
 */
export async function importImage(
  { content, queue, analysis }: ImportParts,
  source: Readable,
  { name, platform, message, changes }: ImportRequest,
): Promise<Digest> {
  const config = applyChanges({}, changes);
  const owner = `import:${randomUUID()}`;
  const layer = await storeTar(content, source, owner);
  const created = new Date();
  const { os, architecture, variant } = platform ?? defaultPlatform;
  const document = printImageConfig({
    ...{ os, architecture, variant, created, config, diffIds: [layer.diffId] },
    history: [{ created: created.toISOString(), comment: message, emptyLayer: false }],
  });
  const names = name === null ? [] : [{ repository: repositoryName(name), tag: name.tag ?? 'latest' }];
  const image = { config: document, below: [], added: layer, names, parentId: null };
  const { imageId, duePulls } = await createImage(content, image, { action: 'import', owner });
  const due = duePulls.map((pullId) => ({ pullId }));
  await queue.enqueueMany(publishPull, due);
  analysis.add([layer.descriptor.digest]);
  return imageId;
}

/** Stores the plain bytes, and reads them as a tar at the same time. */
async function storeTar(content: ContentContext, source: Readable, owner: string): Promise<StoredLayer> {
  const copy = new PassThrough();
  const stored = storeLayer(content, copy, { owner });
  // Whatever fails first is thrown below.
  stored.catch((error: Error) => copy.destroy(error));
  copy.on('error', () => {});
  try {
    await readTar(source, copy);
  } catch (error) {
    const isUnread = copy.destroyed;
    copy.destroy(error as Error);
    const failure = await stored.then(
      () => error,
      (reason: unknown) => reason,
    );
    throw explain(isUnread ? failure : error);
  }
  return stored;
}

async function readTar(source: Readable, copy: PassThrough): Promise<void> {
  const { stream, packedBytes } = await decompressed(source);
  const meter = { packedBytes, entry: (): string | null => reader.entryName };
  const both = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of withinLimits(stream, defaultTarLimits, meter)) {
      if (!copy.write(chunk)) await roomIn(copy);
      yield chunk;
    }
    copy.end();
  };
  const reader: TarReader = new TarReader(both(), defaultTarLimits);
  for await (const [entry] of reader) layerEntry(entry);
}

/** Resolves when more may be written; rejects when nobody reads any more. */
function roomIn(stream: PassThrough): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      if (stream.destroyed) reject(stream.errored ?? new Error('the tar is not stored any more'));
      else resolve();
    };
    if (stream.destroyed) done();
    else stream.on('drain', done).on('close', done);
  });
}

function explain(error: unknown): unknown {
  const cause = asCorruptStream(error);
  if (cause instanceof CorruptStreamError) return new ContainerPathError(500, cause.message);
  if (!(cause instanceof InvalidTarError)) return cause;
  return new ContainerPathError(500, cause.problem === 'cut' ? 'unexpected EOF' : 'archive/tar: invalid tar header');
}
