import { type MergedTree, readTarFile, type TarFile, type TreeEntry } from '@entrepot/layers';

/** Files that can be copied from: a build context, or the tree of an image. */
export interface FileTree {
  tree: MergedTree;
  /** Where the content of a file is. */
  sourceOf(found: TreeEntry): TarFile;
  isContext: boolean;
}

/** The text of a small file, symlinks followed; null when there is none, or it is larger. */
export async function readSmallFile(files: FileTree, path: string, maxBytes: number): Promise<string | null> {
  const found = files.tree.find(files.tree.resolve(path));
  if (found?.entry.type !== 'file' || found.entry.sizeBytes > maxBytes) return null;
  const chunks: Buffer[] = [];
  const { tar, entry } = files.sourceOf(found);
  for await (const chunk of readTarFile(tar, entry)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
