/**
 * `type=tar`: the root filesystem as a tar.
 * @see moby/buildkit exporter/tar/export.go, exporter/local/fs.go (CreateFS), tonistiigi/fsutil tarwriter.go
 */
import { END_OF_ARCHIVE, encodeHeader, padding, type TarHeader } from '../layer/tar.js';
import { type DirectoryNode, type FileNode, type Node, walkTree } from '../snapshot/file-tree.js';
import { readContent, readContentSync, SMALL_FILE } from '../util/file-content.js';
import { exportStep, writeBytes } from './destination.js';
import { rootTree } from './root-tree.js';
import type { Exporter } from './types.js';

export const tarExporter: Exporter = {
  export: (input, to) =>
    exportStep(input.emit, 'tarball', to, () => writeBytes(to, tarBytes(rootTree(input), input.epochSeconds))),
};

/**
 * The bytes of the tar. Unlike in a layer, every entry has the time of the epoch: BuildKit sets it here, and does not clamp.
 * A file is written at its first name; the others are hard links to that.
 */
export async function* tarBytes(tree: DirectoryNode, epochSeconds: number): AsyncGenerator<Uint8Array, void> {
  const firstNames = new Map<FileNode, string>();
  for (const [path, node] of walkTree(tree)) {
    const linked = node.type === 'file' ? firstNames.get(node) : undefined;
    yield encodeHeader({ ...headerOf(path, node, linked), mtime: epochSeconds });
    if (node.type !== 'file' || linked !== undefined) continue;
    firstNames.set(node, path);
    if (node.size === 0) continue;
    if (node.size <= SMALL_FILE) yield readContentSync(node);
    else yield* readContent(node);
    yield Buffer.alloc(padding(node.size));
  }
  yield END_OF_ARCHIVE;
}

function headerOf(path: string, node: Node, linked: string | undefined): Omit<TarHeader, 'mtime'> {
  const { mode, uid, gid } = node;
  const fixed = { path, mode, uid, gid, size: 0 };
  switch (node.type) {
    case 'directory':
      return { ...fixed, type: 'directory', path: `${path}/` };
    case 'symlink':
      return { ...fixed, type: 'symlink', linkname: node.target };
    case 'file':
      if (linked !== undefined) return { ...fixed, type: 'hardlink', linkname: linked };
      return { ...fixed, type: 'file', size: node.size };
    case 'fifo':
      return { ...fixed, type: 'fifo' };
    default:
      return { ...fixed, type: node.type, major: node.major, minor: node.minor };
  }
}
