import {
  type ContentContext,
  createSecretBox,
  failureText,
  PullMessages,
  PullWatch,
  startPull,
  statusMessage,
  viewOf,
} from '@entrepot/content';
import { type JobQueue, resolvePull } from '@entrepot/jobs';
import { formatPlatform, formatReference, type Platform, type Reference } from '@entrepot/oci';
import type { Credential } from '@entrepot/registry-client';
import { BuildError } from './errors.js';
import type { BuildMessage } from './image-builder.js';

/** What pulling needs. */
export interface PullParts {
  content: ContentContext;
  queue: JobQueue;
  /** Credentials are sealed with it while a pull goes on. */
  secretKey: Buffer;
}

/** An image that a build needs. */
export interface BasePull {
  reference: Reference;
  platform: Platform | null;
  credential: Credential | undefined;
}

/** Pulls an image as every client does, and tells how it goes. @throws {BuildError} in the registry's words */
export async function pullBase(
  { content, queue, secretKey }: PullParts,
  { reference, platform, credential }: BasePull,
  say: (message: BuildMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  const { pullId, watcherId, created } = await startPull(content, {
    reference: formatReference(reference),
    platform: platform === null ? null : formatPlatform(platform),
    kind: 'interactive',
    credential: credential && seal(secretKey, credential),
  });
  const watch = new PullWatch(content, pullId, watcherId);
  try {
    if (created) await queue.enqueue(resolvePull, { pullId });
    const messages = new PullMessages(reference);
    for await (const progress of watch.looks(signal)) {
      if (progress.state === 'failed' || progress.state === 'cancelled')
        throw new BuildError(404, failureText(progress));
      for (const message of messages.update(viewOf(progress))) say(message);
      if (progress.state !== 'done') continue;
      for (const message of messages.close(viewOf(progress))) say(message);
      say(statusMessage(progress.outcome, reference));
      return;
    }
    throw new BuildError(500, signal.aborted ? 'context canceled' : 'the pull was forgotten');
  } finally {
    await watch.close();
  }
}

function seal(secretKey: Buffer, credential: Credential): { sealed: Buffer; fingerprint: string } {
  const box = createSecretBox(secretKey);
  const text = JSON.stringify(credential);
  return { sealed: box.seal(text), fingerprint: box.fingerprint(text) };
}
