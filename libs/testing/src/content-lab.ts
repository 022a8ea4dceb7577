import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BlobStore, type BlobStoreListing, openBlobStore } from '@entrepot/blob-store';
import {
  type ContentContext,
  claimFetch,
  finishFetch,
  openFetchIngest,
  type PullPlan,
  type PullPublication,
  publishPull,
  savePlan,
  startPull,
} from '@entrepot/content';
import { openDatabase } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { BuiltIndex } from './image/index-factory.js';
import type { BuiltImage } from './image-factory.js';
import { createTestDatabase } from './postgres.js';

/** A fresh database and a fresh folder of blobs. */
export interface ContentLab {
  context: ContentContext & { store: BlobStore & BlobStoreListing };
  url: string;
  /** Another process' view of the same: its own connections. */
  connect(): ContentLab['context'];
  close(): Promise<void>;
}

export async function openContentLab(): Promise<ContentLab> {
  const { url, drop } = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-content-'));
  const opened: ContentLab['context'][] = [];
  const connect = (): ContentLab['context'] => {
    const context = { database: openDatabase(url), store: openBlobStore(String(pathToFileURL(folder))) };
    opened.push(context);
    return context;
  };
  const close = async (): Promise<void> => {
    await Promise.all(opened.map(({ database }) => database.close()));
    await drop();
    await rm(folder, { recursive: true, force: true });
  };
  return { context: connect(), url, connect, close };
}

/** What a pull of the image needs; through an index when there is one. */
export function planOf(image: BuiltImage, index?: BuiltIndex): PullPlan {
  const top = index ?? image;
  const documents = index === undefined ? [image] : [index, image];
  const manifests = documents.map(({ digest, mediaType, bytes }) => ({ digest, mediaType, bytes }));
  const config = { digest: image.config.digest, sizeBytes: image.config.bytes.length, mediaType: 'config' };
  const layers = image.layers.map(({ descriptor, bytes }) => ({ ...descriptor, sizeBytes: bytes.length }));
  return { target: top.digest, shown: image.digest, manifests, blobs: [config, ...layers] };
}

/** The bytes of a blob of the image. */
export function bytesOf(image: BuiltImage, digest: Digest): Buffer {
  const blob = image.blobs.find((candidate) => candidate.digest === digest);
  if (blob === undefined) throw new Error(`the image has no blob ${digest}`);
  return Buffer.from(blob.bytes);
}

/** Fetches one blob as a worker does. Null when there is nothing to do or another has it, else the pulls that are due. */
export async function fetchBytes(
  context: ContentContext,
  digest: Digest,
  bytes: Buffer,
  worker: string,
): Promise<string[] | null> {
  const claim = await claimFetch(context, digest, worker);
  if (claim === null || 'taken' in claim) return null;
  const ingest = await openFetchIngest(context, claim);
  try {
    await ingest.write(bytes.subarray(ingest.offsetBytes));
    const { duePulls } = await finishFetch(context, claim, await ingest.finish());
    return duePulls;
  } catch (error) {
    await ingest.abort();
    throw error;
  }
}

/** A whole pull by one worker, from the request to the published image. */
export async function pullImage(
  context: ContentContext,
  image: BuiltImage,
  options: { reference?: string; index?: BuiltIndex; worker?: string } = {},
): Promise<PullPublication & { pullId: string }> {
  const reference = options.reference ?? 'docker.io/library/lab:1';
  const { pullId } = await startPull(context, { reference, platform: null, kind: 'batch' });
  const { missing } = await savePlan(context, pullId, planOf(image, options.index));
  for (const digest of missing) {
    await fetchBytes(context, digest, bytesOf(image, digest), options.worker ?? 'lab');
  }
  return { pullId, ...(await publishPull(context, pullId)) };
}
