// undici 7 dies of an assertion, outside every promise, when the other side ends or resets a connection that it has
// announced to close while a response on it is paused (nodejs/undici#5360, mended in 8, which needs Node 22).
// Any registry could do that to us, so the two paths to that assertion are closed here.
import type { Socket } from 'node:net';

/** Makes a socket fail the paused response instead of the process. To be called before undici adds its listeners. */
export function guardPausedSocket(socket: Socket): void {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = resetCode;
  });
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...rest: unknown[]) => boolean;
  socket.emit = ((event: string | symbol, ...rest: unknown[]) => {
    try {
      return emit(event, ...rest);
    } catch (error) {
      if (event !== 'end') throw error;
      socket.destroy(new Error('other side closed', { cause: error }));
      return true;
    }
  }) as Socket['emit'];
}

/** What `ECONNRESET` is called on the way through undici, which would look for the end of a response in it. */
export const resetCode = 'ENTREPOT_RESET';
