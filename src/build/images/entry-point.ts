/** What an image runs: its command line, and the file that the first word of it names, found as the wasm shims of containerd find it. */
import type { ConfigJson } from '../../compare/image.js';
import type { DirectoryNode, FileNode } from '../../snapshot/file-tree.js';
import { lookup, resolvePath, TreeError } from '../../snapshot/tree-editor.js';
import { cleanPath, joinPath, pathElements } from '../../util/go-path.js';

export interface EntryPoint {
  /** From the root, without a slash in front. */
  readonly path: string;
  readonly file: FileNode;
  /** The exported function that is called. */
  readonly start: string;
}

/** The words of a container's command line: arguments of the user take the place of Cmd, as with docker. */
export function commandOf({ Entrypoint, Cmd }: NonNullable<ConfigJson['config']>, given: readonly string[]): string[] {
  return [...(Entrypoint ?? []), ...(given.length > 0 ? given : (Cmd ?? []))];
}

/**
 * The file of `path` or `path#function`: one with a slash from the working folder, any other from the folders of PATH and then from the working folder.
 * @see containerd/runwasi crates/containerd-shim-wasm/src/container/{context,path}.rs
 */
export function findEntryPoint(
  tree: DirectoryNode,
  word: string,
  { path = '', workingDir }: { readonly path: string | undefined; readonly workingDir: string },
): EntryPoint | undefined {
  const hash = word.indexOf('#');
  const name = hash < 0 ? word : word.slice(0, hash);
  const start = (hash < 0 ? '' : word.slice(hash + 1)) || '_start';
  if (name === '') return undefined;
  const from = cleanPath(`/${workingDir}`);
  const folders = name.includes('/') ? [from] : [...path.split(':').filter((folder) => folder.startsWith('/')), from];
  for (const folder of folders) {
    const place = fileAt(tree, name.startsWith('/') ? name : joinPath(folder, name));
    if (place) return { ...place, start };
  }
  return undefined;
}

function fileAt(tree: DirectoryNode, path: string): Pick<EntryPoint, 'path' | 'file'> | undefined {
  try {
    const elements = pathElements(resolvePath(tree, path));
    const node = lookup(tree, elements);
    return node?.type === 'file' ? { path: elements.join('/'), file: node } : undefined;
  } catch (error) {
    if (error instanceof TreeError) return undefined; // a circle of links, or a file in the place of a folder
    throw error;
  }
}
