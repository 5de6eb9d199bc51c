import { pathElements } from '../util/go-path.js';
import type { CopyOptions } from './copy.js';
import { type DirectoryNode, sortedEntries } from './file-tree.js';
import { type ParentMatches, PatternSet } from './patterns.js';
import { lookup, resolvePath, TreeError } from './tree-editor.js';

/**
 * What BuildKit refuses when it computes the cache key of a COPY with --exclude or --parents, before anything is copied: patterns that cannot
 * be understood, even where there is nothing to match; and, where the source is the root, a link directly in it that is selected and leads
 * nowhere. (Below a folder it does not follow links.)
 * @throws PatternError, TreeError
 * @see moby/buildkit cache/contenthash/checksum.go (Checksum: includedPath.followLinks)
 */
export function checkSelected(source: DirectoryNode, action: CopyOptions): void {
  const { src, followSymlink, includePatterns, excludePatterns } = action;
  if (includePatterns.length + excludePatterns.length === 0) return;
  const include = new PatternSet(includePatterns);
  const exclude = new PatternSet(excludePatterns);
  if (src !== '/' || !followSymlink) return;
  for (const [name, node] of sortedEntries(source)) {
    if (node.type !== 'symlink' || exclude.match(name).matched) continue;
    if (includePatterns.length > 0 && !include.match(name).matched) continue;
    if (!leadsSomewhere(source, `/${name}`)) throw new TreeError('not-found', `/${name}`, `/${name} does not exist`);
  }
}

function leadsSomewhere(tree: DirectoryNode, link: string): boolean {
  try {
    return lookup(tree, pathElements(resolvePath(tree, link))) !== undefined;
  } catch (error) {
    if (error instanceof TreeError && error.reason === 'not-a-directory') return false;
    throw error;
  }
}

/**
 * The first path that COPY --parents requires and that its patterns do not select.
 * A path counts as found when anything selected begins with it, as text.
 * @see moby/buildkit cache/contenthash/checksum.go (includedPaths)
 */
export function missingPath(source: DirectoryNode, action: CopyOptions): string | undefined {
  if (action.requiredPaths.length === 0) return undefined;
  const selected = selectPaths(source, action);
  return action.requiredPaths.find((required) => !selected.some((path) => path.startsWith(required)));
}

function selectPaths(source: DirectoryNode, action: CopyOptions): string[] {
  const start = lookup(source, pathElements(resolvePath(source, action.src, { last: false })));
  const include = new PatternSet(action.includePatterns);
  const exclude = new PatternSet(action.excludePatterns);
  const prefix = action.src === '/' ? '/' : `${action.src}/`;
  const found: string[] = [];
  const walk = (directory: DirectoryNode, below: string, included: ParentMatches, excluded: ParentMatches): boolean => {
    let any = false;
    for (const [name, node] of sortedEntries(directory)) {
      const path = below + name;
      const i = include.match(path, included);
      const e = exclude.match(path, excluded);
      const inside = node.type === 'directory' && walk(node, `${path}/`, i.matches, e.matches);
      if ((i.matched && !e.matched) || inside) {
        found.push(prefix + path);
        any = true;
      }
    }
    return any;
  };
  if (start?.type === 'directory') walk(start, '', [], []);
  return found;
}
