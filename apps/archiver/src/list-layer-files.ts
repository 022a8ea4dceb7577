import { type ContentContext, LayerNotIndexedError, openLayerIndex } from '@entrepot/content';
import { beginLayerListing, finishLayerListing, type LayerFileRow, putLayerFiles } from '@entrepot/database';
import { type IndexEntry, readLayerIndex, wellFormedText } from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';

const rowsAtOnce = 2_000;

/** Lists the files of an analysed layer for search. A no-op when that was done or the layer is gone; may be done again. */
export async function listLayerFiles(
  { content }: { content: ContentContext },
  { digest }: { digest: Digest },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { database } = content;
  const layerId = await beginLayerListing(database.prisma, digest);
  if (layerId === null) return;
  let rows = new Map<string, LayerFileRow>();
  const directories = new Set<string>();
  const flush = async (): Promise<void> => {
    signal.throwIfAborted();
    await putLayerFiles(database.prisma, layerId, [...rows.values()]);
    rows = new Map();
  };
  try {
    for await (const entry of readLayerIndex(openLayerIndex(content, digest))) {
      addRow(rows, entry);
      addDirectories(rows, directories, entry.path);
      if (rows.size >= rowsAtOnce) await flush();
    }
    await flush();
  } catch (error) {
    // It went meanwhile, and its rows with it.
    if (error instanceof LayerNotIndexedError) return;
    throw error;
  }
  await database.transaction((tx) => finishLayerListing(tx, layerId));
}

/** Two entries of one path become one row: what is there last, and whether anything is hidden. */
function addRow(rows: Map<string, LayerFileRow>, entry: IndexEntry): void {
  const path = wellFormedText(entry.path);
  const before = rows.get(path);
  const hides = entry.type === 'whiteout' || entry.type === 'opaque' || (before?.hides ?? false);
  const kind = kindOf(entry);
  if (kind === 'x') rows.set(path, before ? { ...before, hides } : { path, kind, hides, sha256: null });
  else rows.set(path, { path, kind, hides, sha256: entry.sha256 });
}

/** Directories that no entry describes are there all the same. */
function addDirectories(rows: Map<string, LayerFileRow>, known: Set<string>, path: string): void {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const directory = wellFormedText(path.slice(0, slash));
    if (known.has(directory)) return;
    known.add(directory);
    const before = rows.get(directory);
    if (before === undefined || before.kind === 'x') {
      rows.set(directory, { path: directory, kind: 'd', hides: before?.hides ?? false, sha256: null });
    }
  }
}

function kindOf({ type }: IndexEntry): LayerFileRow['kind'] {
  if (type === 'whiteout' || type === 'opaque') return 'x';
  return type === 'file' ? 'f' : type === 'directory' ? 'd' : 'o';
}
