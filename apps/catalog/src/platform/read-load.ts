import { z } from 'zod';
import { PlatformError } from './platform-error.js';

const messageSchema = z.object({ stream: z.string().optional(), error: z.string().optional() });
const loadedLine = /^Loaded image(?: ID)?: (.+)\n$/;
const maxLineChars = 1024 * 1024;

/**
 * Reads the messages of an archiver to their end: what was loaded.
 *
 * @throws {PlatformError} it was not, and why
 */
export async function readLoad(answer: AsyncIterable<Buffer | string>): Promise<string[]> {
  const loaded: string[] = [];
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = text.split('\r\n');
    text = lines.pop() ?? '';
    if (text.length > maxLineChars) throw new PlatformError(502, 'LOAD_FAILED', 'the archiver sent what is no message');
    for (const line of lines) {
      const { stream, error } = messageSchema.parse(JSON.parse(line));
      if (error !== undefined) throw new PlatformError(422, 'LOAD_FAILED', error);
      const name = loadedLine.exec(stream ?? '')?.[1];
      if (name !== undefined) loaded.push(name);
    }
  }
  return loaded;
}
