import type { MergedTree, TreeEntry } from '@entrepot/layers';
import { type FileSource, readFile } from './file-source.js';

/** Files that can be copied from: a build context, or the tree of an image. */
export interface FileTree {
  tree: MergedTree;
  /** Where the content of a file is. */
  sourceOf(found: TreeEntry): FileSource;
  isContext: boolean;
}

/** The text of a small file, symlinks followed; null when there is none, or it is larger. */
export async function readSmallFile(files: FileTree, path: string, maxBytes: number): Promise<string | null> {
  const found = files.tree.find(files.tree.resolve(path));
  if (found?.entry.type !== 'file' || found.entry.sizeBytes > maxBytes) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of readFile(files.sourceOf(found))) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
