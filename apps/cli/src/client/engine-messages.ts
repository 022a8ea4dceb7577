/** One message of the Engine API's streams, as far as it is read here. */
export interface EngineMessage {
  id?: string;
  status?: string;
  stream?: string;
  progressDetail?: { current?: number; total?: number };
  errorDetail?: { message: string };
}

/**
 * The messages of an answer, each as soon as it is there.
 *
 * @throws {EngineFailureError} the server says that the work failed
 */
export async function* engineMessages(body: AsyncIterable<Buffer>): AsyncGenerator<EngineMessage> {
  let rest = '';
  for await (const chunk of body) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text.trim() !== '')) {
      const message = JSON.parse(line) as EngineMessage;
      if (message.errorDetail) throw new EngineFailureError(message.errorDetail.message);
      yield message;
    }
  }
}

/** Work failed after its answer had begun. */
class EngineFailureError extends Error {
  override readonly name = 'EngineFailureError';
  readonly code = 'ENGINE_FAILURE';
  readonly retryable = false;
}
