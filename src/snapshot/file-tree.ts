/**
 * File trees as values: what a context, a stage and a layer are made of. No I/O here.
 *
 * A tree is a directory node; nodes are immutable and shared between trees, so a COPY costs what it changes. Two names
 * that hold the *same* file node object are hard links of one another (identity is the inode number).
 */
import { compareBytes } from '../util/text.js';
import type { Content } from './content.js';

/** What every entry has. `mode`: the twelve permission bits. Owners are ids. */
export interface Metadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * Modification time: whole seconds since 1970 (floored), or {@link BUILD_TIME} for what BuildKit stamps with the clock of the build.
   * Only its clamp to the epoch reaches a layer, and BUILD_TIME is later than any epoch.
   */
  readonly mtime: number;
  /** The fraction of mtime in nanoseconds; tells two files apart when layers are compared, never written to a layer. */
  readonly mtimeNsec: number;
}

/** The time of the build, which no output ever shows: it always clamps to the epoch. */
export const BUILD_TIME = Number.POSITIVE_INFINITY;

export interface FileNode extends Metadata {
  readonly type: 'file';
  readonly size: number;
  readonly content: Content;
}

export interface DirectoryNode extends Metadata {
  readonly type: 'directory';
  /** By name, in no particular order: {@link sortedEntries} gives byte order. */
  readonly entries: ReadonlyMap<string, Node>;
}

export interface SymlinkNode extends Metadata {
  readonly type: 'symlink';
  readonly target: string;
}

export interface SpecialNode extends Metadata {
  readonly type: 'fifo' | 'char' | 'block';
  readonly major: number;
  readonly minor: number;
}

export type Node = FileNode | DirectoryNode | SymlinkNode | SpecialNode;

/** The root of what is not there yet: an empty stage. Its own metadata never reaches a layer. */
export const EMPTY_TREE: DirectoryNode = {
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: BUILD_TIME,
  mtimeNsec: 0,
  entries: new Map(),
};

/** The entries of a directory in byte order of their names, the order in which BuildKit walks. */
export function sortedEntries(directory: DirectoryNode): Iterable<[string, Node]> {
  const { entries } = directory;
  return isSorted(entries.keys()) ? entries : [...entries].sort((a, b) => compareBytes(a[0], b[0]));
}

/** Most are: they were listed in this order. */
function isSorted(names: Iterable<string>): boolean {
  let last = '';
  for (const name of names) {
    if (compareBytes(last, name) > 0) return false;
    last = name;
  }
  return true;
}

/** Every entry below a tree, depth first in byte order, directories before what they hold; paths are `a/b`. */
export function* walkTree(tree: DirectoryNode, prefix = ''): Generator<readonly [path: string, node: Node]> {
  for (const [name, node] of sortedEntries(tree)) {
    const path = prefix + name;
    yield [path, node];
    if (node.type === 'directory') yield* walkTree(node, `${path}/`);
  }
}
