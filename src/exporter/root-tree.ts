/**
 * What `local` and `tar` write: a root filesystem, or one for each platform in a folder of its own.
 * @see moby/buildkit exporter/local/export.go, exporter/tar/export.go
 */
import { fail } from '../diagnostic/build-error.js';
import { formatPlatform } from '../oci/platform.js';
import { type DirectoryNode, EMPTY_TREE, type FileNode, type Node, walkTree } from '../snapshot/file-tree.js';
import { mergeTrees } from '../snapshot/merge.js';
import { quote } from '../util/text.js';
import type { ExportInput, Root } from './types.js';

/**
 * One tree of all roots: `linux_arm64/…` where each platform has its folder (mode 0755, owner 0:0).
 * @throws BuildError `OutputNotWritable` when platforms without folders have a file in common, as in BuildKit
 */
export function rootTree({ roots, platformSplit = roots.length > 1 }: ExportInput): DirectoryNode {
  if (platformSplit) {
    const folders = roots.map(({ platform, tree }) => [folderOf(platform), { ...ownCopy(tree), ...FOLDER }] as const);
    return { ...EMPTY_TREE, entries: new Map(folders) };
  }
  refuseOverlap(roots);
  const [first, ...rest] = roots.map(({ tree }) => (roots.length > 1 ? ownCopy(tree) : tree));
  return rest.reduce(mergeTrees, first!);
}

const FOLDER = { mode: 0o755, uid: 0, gid: 0 };

/** A tree whose files are hard links of one another, and not of those of another platform that was built from the same steps. */
function ownCopy(tree: DirectoryNode): DirectoryNode {
  const copies = new Map<FileNode, FileNode>();
  const copy = (node: Node): Node => {
    if (node.type === 'directory') return copyFolder(node);
    if (node.type !== 'file') return node;
    const known = copies.get(node) ?? { ...node };
    copies.set(node, known);
    return known;
  };
  const copyFolder = (folder: DirectoryNode): DirectoryNode => ({
    ...folder,
    entries: new Map([...folder.entries].map(([name, node]) => [name, copy(node)])),
  });
  return copyFolder(tree);
}

/** The folder of a platform. */
function folderOf(platform: Root['platform']): string {
  return formatPlatform(platform).replaceAll('/', '_');
}

function refuseOverlap(roots: readonly Root[]): void {
  if (roots.length < 2) return;
  const owners = new Map<string, string>();
  for (const { platform, tree } of roots) {
    const name = formatPlatform(platform);
    for (const [path, { type }] of walkTree(tree)) {
      if (type === 'directory') continue;
      const other = owners.get(path);
      if (other !== undefined) {
        const message = `${quote(`/${path}`)} is there for ${other} and for ${name}`;
        const hint = 'leave platform-split=false out, which gives each platform a folder';
        fail({ code: 'OutputNotWritable', message, hint });
      }
      owners.set(path, name);
    }
  }
}
