import { formatPlatform, parseOciPlatform } from '@entrepot/oci';
import { EngineError } from '../docker-engine/engine-error.js';

/** The query of a save as it comes. */
export type SaveQuery = Readonly<Record<string, string | string[] | undefined>>;

/** What is to go into one archive, as the archiver reads it. */
export interface SaveRequest {
  /** As typed: tags, repositories, ids, digests. */
  names: string[];
  /** `linux/arm64`; null for whatever is here. */
  platform: string | null;
}

/**
 * Reads which images a client wants to save; `name` comes from the path of the older form.
 *
 * @throws {EngineError} no names; @throws {InvalidPlatformError}
 */
export function parseSaveRequest(query: SaveQuery, name?: string): SaveRequest {
  const names = name === undefined ? all(query.names) : [name];
  if (names.length === 0) throw new EngineError(400, 'no image names given');
  const [platform] = all(query.platform);
  return { names, platform: platform === undefined ? null : formatPlatform(parseOciPlatform(platform)) };
}

function all(value: string | string[] | undefined): string[] {
  return [value ?? []].flat().filter((text) => text !== '');
}
