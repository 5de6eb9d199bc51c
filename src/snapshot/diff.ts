/**
 * What a layer holds: the difference between two trees, as BuildKit's overlay differ sees it.
 *
 * - A directory counts as changed when its mode or owner changed; its time alone does not count.
 * - A file is the same when type, mode, owner, size and mtime agree, and (where both times have no fraction) its content.
 * - Every directory above a change is part of the layer, changed or not.
 * The subset removes nothing, so there are no whiteouts.
 * @see moby/buildkit util/overlay/overlay_linux.go (sameDirent), containerd pkg/archive/tar.go (includeParents)
 */
import { type DirectoryNode, type FileNode, type Node, sortedEntries } from './file-tree.js';

/** An entry of a layer; `path` is `a/b`. */
export interface Change {
  readonly path: string;
  readonly node: Node;
}

/** Compares the bytes of two files of one size. */
export type SameContent = (a: FileNode, b: FileNode) => boolean;

/** The entries of the layer that leads from `lower` to `upper`, in the order of the tar stream. */
export function diffTrees(lower: DirectoryNode, upper: DirectoryNode, sameContent: SameContent): Change[] {
  const changes: Change[] = [];
  diffDirectory({ lower, upper, prefix: '', sameContent, parents: [], changes });
  return changes;
}

interface Walk {
  readonly lower: DirectoryNode | undefined;
  readonly upper: DirectoryNode;
  readonly prefix: string;
  readonly sameContent: SameContent;
  /** The directories above that are not yet part of the layer; emptied once they are. */
  readonly parents: Change[];
  /** What was found. */
  readonly changes: Change[];
}

function diffDirectory(walk: Walk): void {
  const { lower, upper, prefix, sameContent, parents, changes } = walk;
  for (const [name, node] of sortedEntries(upper)) {
    const before = lower?.entries.get(name);
    if (before === node) continue; // shared: nothing below it changed
    const change = { path: prefix + name, node };
    const same = before !== undefined && sameNode(before, node, sameContent);
    if (!same) {
      if (parents.length > 0) changes.push(...parents.splice(0));
      changes.push(change);
    }
    if (node.type !== 'directory') continue;
    const below = before?.type === 'directory' ? before : undefined;
    const pending = same ? [...parents, change] : [];
    const known = pending.length;
    diffDirectory({ ...walk, lower: below, upper: node, prefix: `${change.path}/`, parents: pending });
    if (known > 0 && pending.length === 0) parents.length = 0;
  }
}

function sameNode(a: Node, b: Node, sameContent: SameContent): boolean {
  if (a.type !== b.type || a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.type === 'directory') return true;
  if (a.mtime !== b.mtime || a.mtimeNsec !== b.mtimeNsec) return false;
  const fraction = a.mtimeNsec !== 0;
  if (a.type === 'file' && b.type === 'file') {
    return a.size === b.size && (fraction || a.size === 0 || sameContent(a, b));
  }
  if (a.type === 'symlink' && b.type === 'symlink') {
    return fraction ? Buffer.byteLength(a.target) === Buffer.byteLength(b.target) : a.target === b.target;
  }
  return 'major' in a && 'major' in b && a.major === b.major && a.minor === b.minor;
}
