import type { CommandContext } from '../context.js';
import { PartialFailureError } from '../exit-code.js';

/**
 * Does something for each name. One that fails is named on standard error and does not stop the others.
 *
 * @throws {PartialFailureError} some failed; when all did, the last error
 */
export async function eachName(
  context: CommandContext,
  names: readonly string[],
  action: (name: string) => Promise<void>,
  afterwards: () => Promise<void> = async () => {},
): Promise<void> {
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      await action(name);
    } catch (error) {
      context.signal.throwIfAborted();
      if (failures.length < names.length - 1) context.stderr.write(`entrepot: ${(error as Error).message}\n`);
      failures.push(error);
    }
  }
  await afterwards();
  if (failures.length === names.length && names.length > 0) throw failures.at(-1);
  if (failures.length > 0) throw new PartialFailureError(`${failures.length} of ${names.length} failed`);
}
