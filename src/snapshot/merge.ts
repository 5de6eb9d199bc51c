import type { DirectoryNode, Node } from './file-tree.js';

/** One tree laid over another: directories merge, the upper's mode, owner and time win; anything else replaces. */
export function mergeTrees(lower: DirectoryNode, upper: DirectoryNode): DirectoryNode {
  const entries = new Map<string, Node>(lower.entries);
  for (const [name, node] of upper.entries) {
    const below = lower.entries.get(name);
    entries.set(name, node.type === 'directory' && below?.type === 'directory' ? mergeTrees(below, node) : node);
  }
  return { ...upper, entries };
}
