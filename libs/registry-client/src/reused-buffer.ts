// Reading into one buffer over and over, instead of into fresh memory for each chunk, halves what a download costs.
// Node offers it to those who take bytes by a callback (`onread`); undici takes them by `read()`. This joins the two:
// a chunk is handed over while the callback runs, and only what is not taken then is copied.
import type { OnReadOpts, Socket } from 'node:net';

const bufferBytes = 256 * 1024;

/** One for all sockets of the process: it is filled and emptied without anything in between. */
let shared: Buffer | undefined;

interface ReadingSocket extends Socket {
  [take]?: (chunk: Buffer) => boolean;
}

const take = Symbol('take');

/** The option to connect with, for sockets that then go through `readIntoSharedBuffer`. */
export function sharedBufferOption(): { onread: OnReadOpts } {
  shared ??= Buffer.allocUnsafeSlow(bufferBytes);
  return { onread: { buffer: shared, callback: handOver } };
}

/** Called by the socket, as its method. */
function handOver(this: unknown, length: number, buffer: Uint8Array): boolean {
  const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, length);
  return (this as ReadingSocket)[take]?.(chunk) ?? false;
}

/** From now on `read()` gives chunks that are good until the next turn of the event loop. */
export function readIntoSharedBuffer(socket: Socket): void {
  let waiting: Buffer | null = null;
  let own: Buffer | undefined;
  const readOn = socket.read.bind(socket);
  socket.read = (size?: number) => {
    const chunk = waiting;
    waiting = null;
    return chunk ?? readOn(size);
  };
  socket.unshift = (rest: Buffer) => {
    if (rest.length > 0) waiting = Buffer.from(rest);
  };
  (socket as ReadingSocket)[take] = (chunk) => {
    waiting = chunk;
    socket.emit('readable');
    if (waiting === null) return true;
    // Nobody takes it now; nothing more is read until somebody does.
    own ??= Buffer.allocUnsafeSlow(bufferBytes);
    waiting = own.subarray(0, chunk.copy(own));
    return false;
  };
}
