/**
 * Waste as dive counts it (github.com/wagoodman/dive): a path that several layers hold is waste with all its bytes, a
 * removed directory with the bytes it had; the score is the least that each path needs over what it takes. Beside that,
 * the same content under several paths of the finished tree, which dive does not look for.
 */
import { CountedPaths, type WastedPath } from './counted-paths.js';
import { type DuplicateContent, findDuplicates } from './duplicate-contents.js';
import { type LayerEntries, MergedTree } from './merged-tree.js';

export interface WasteReport {
  /** 1 when nothing is wasted. */
  efficiency: number;
  wastedBytes: number;
  /** Bytes in files of all layers, and of those above the lowest one. */
  sizeBytes: number;
  userBytes: number;
  duplicateBytes: number;
  /** Greatest first. */
  paths: WastedPath[];
  duplicates: DuplicateContent[];
}

/**
 * Reads the indexes of a stack, the lowest first, each of them twice; lists at most `limit` paths and contents each.
 *
 * @throws {LayerTooLargeError} it would take more memory than `maxBytes`
 */
export async function measureWaste(
  layers: Iterable<LayerEntries>,
  { limit, maxBytes = Number.POSITIVE_INFINITY }: { limit: number; maxBytes?: number },
): Promise<WasteReport> {
  const tree = new MergedTree({ maxBytes });
  const counted = new CountedPaths();
  const layerBytes: number[] = [];
  for (const layer of layers) {
    layerBytes.push(await counted.add(layer, tree, maxBytes - tree.usedBytes));
    await tree.add(layer);
  }
  const sizeBytes = layerBytes.reduce((sum, bytes) => sum + bytes, 0);
  const { leastBytes, totalBytes, wastedBytes, paths } = await counted.report(limit);
  return {
    efficiency: totalBytes === 0 ? 1 : leastBytes / totalBytes,
    ...{ wastedBytes, paths, sizeBytes, userBytes: sizeBytes - (layerBytes[0] ?? 0) },
    ...(await findDuplicates(tree, limit)),
  };
}
