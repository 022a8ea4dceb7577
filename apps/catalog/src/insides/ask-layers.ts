import type { Readable } from 'node:stream';
import type { ArchiverRelay } from '../archives/archiver-relay.js';

/** What an archiver is asked about layers; reading them is its work. */
export interface LayerQuestion {
  /** `stat`, `list`, `cat` … */
  name: string;
  body: object;
}

/** An answer of JSON; its shape is the caller's to check. @throws as `ArchiverRelay.send` */
export async function askLayers(relay: ArchiverRelay, question: LayerQuestion, signal: AbortSignal): Promise<unknown> {
  return (await send(relay, question, signal)).body.json();
}

/** An answer of bytes, with the entry they belong to. The caller reads or destroys them. @throws as `ArchiverRelay.send` */
export async function openInLayers(
  relay: ArchiverRelay,
  question: LayerQuestion,
  signal: AbortSignal,
): Promise<{ entry: unknown; content: Readable }> {
  const { headers, body } = await send(relay, question, signal);
  return { entry: JSON.parse(decodeURIComponent(String(headers['x-entry'] ?? 'null'))), content: body };
}

function send(relay: ArchiverRelay, { name, body }: LayerQuestion, signal: AbortSignal) {
  return relay.send({ method: 'POST', path: `/internal/insides/${name}`, question: body }, signal);
}
