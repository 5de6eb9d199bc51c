/**
 * Puts a finished tree over a folder that is there, all of it or nothing: each rename is noted with what undoes it.
 * Symbolic links of the folder are never followed, so that nothing outside it is written: one that stands where the tree has a folder
 * is replaced, as everything else of another kind is.
 * @see tonistiigi/fsutil rootdiskwriter.go
 */
import { accessSync, constants, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { type DirectoryNode, sortedEntries } from '../snapshot/file-tree.js';
import { quietly, removeTree } from '../util/atomic-write.js';
import { encodeText } from '../util/text.js';
import { notWritable } from './destination.js';
import { finishDirectories } from './write-tree.js';

export interface MergeOptions {
  readonly tree: DirectoryNode;
  /** Where {@link writeTree} wrote the tree; on the file system of `folder`. */
  readonly staged: string;
  /** Receives what is replaced; empty, on the file system of `folder`, and removed by the caller. */
  readonly attic: string;
  readonly folder: string;
  readonly epochSeconds: number;
}

/**
 * Whether every folder that the tree shares with `folder` can be written to: said before anything is.
 * @throws BuildError `OutputNotWritable` for the first that cannot
 */
export function checkMerge(tree: DirectoryNode, folder: string): void {
  try {
    accessSync(encodeText(folder), constants.W_OK | constants.X_OK);
  } catch (error) {
    notWritable(folder, error);
  }
  for (const [name, node] of sortedEntries(tree)) {
    const target = `${folder}/${name}`;
    if (node.type === 'directory' && isFolder(target)) checkMerge(node, target);
  }
}

/**
 * Moves the tree into place. Synchronous, so that an interrupt comes before or after.
 * @throws the system error of the step that failed; the folder is as it was then
 */
export function mergeFolder({ tree, staged, attic, folder, epochSeconds }: MergeOptions): void {
  const undo: (() => void)[] = [];
  const shared = new Set<string>();
  let replaced = 0;

  const merge = (directory: DirectoryNode, from: string, to: string): void => {
    for (const [name, node] of sortedEntries(directory)) {
      const [source, target] = [`${from}/${name}`, `${to}/${name}`];
      const old = lstatSync(encodeText(target), { throwIfNoEntry: false });
      if (node.type === 'directory' && old?.isDirectory()) {
        shared.add(target);
        merge(node, source, target);
        continue;
      }
      if (old) {
        const aside = `${attic}/${replaced++}`;
        renameSync(encodeText(target), aside);
        undo.push(() => renameSync(aside, encodeText(target)));
      }
      renameSync(encodeText(source), encodeText(target));
      undo.push(() => removeTree(encodeText(target)));
    }
  };

  try {
    mkdirSync(attic);
    merge(tree, staged, folder);
    finishDirectories(tree, folder, epochSeconds, (target) => shared.has(target), undo);
  } catch (error) {
    for (const step of undo.reverse()) quietly(step);
    throw error;
  }
}

function isFolder(target: string): boolean {
  return lstatSync(encodeText(target), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
