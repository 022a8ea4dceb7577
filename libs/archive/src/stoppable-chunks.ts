import { finished, type Readable } from 'node:stream';

/** The bytes of a stream, until it ends or somebody has had enough. */
export interface StoppableChunks {
  chunks: AsyncGenerator<Buffer>;
  /** Ends the reading, also while it waits, and leaves the stream as if nobody had read from it. */
  stop(): void;
}

/** Unlike a stream's own iterator, which destroys the stream or holds it until its next bytes. */
export function stoppableChunks(stream: Readable): StoppableChunks {
  let stopped = false;
  let failure: Error | null = null;
  let wake = (): void => undefined;
  const onReadable = () => wake();
  stream.on('readable', onReadable);
  // What happens to the stream after that is nobody's failure.
  stream.on('error', () => undefined);
  const stop = () => {
    stopped = true;
    stopWatching();
    stream.off('readable', onReadable);
    wake();
  };
  const stopWatching = finished(stream, { writable: false }, (error) => {
    failure = error ?? null;
    stop();
  });

  async function* chunks(): AsyncGenerator<Buffer> {
    while (!stopped) {
      const chunk: Buffer | null = stream.read();
      if (chunk !== null) yield chunk;
      else if (!stopped) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (failure) throw failure;
  }

  return { chunks: chunks(), stop };
}
