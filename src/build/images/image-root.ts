/** The root filesystem of an image, laid out in a folder: its layers over one another, each checked against what the config says. */
import { chmodSync, lutimesSync, mkdirSync, utimesSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { invalidImage, unpacked } from '../../compare/blob-bytes.js';
import type { OpenImage, OpenLayer } from '../../compare/image.js';
import { readTarTree, type Spool } from '../../context/tar-context.js';
import { writeTree } from '../../exporter/write-tree.js';
import { type DirectoryNode, EMPTY_TREE, type FileNode, type Node, walkTree } from '../../snapshot/file-tree.js';
import { DigestStream } from '../../util/digest.js';
import { encodeText } from '../../util/text.js';

/**
 * The files of an image. Their content is in a file of `scratch`, which must outlive the tree.
 * @throws BuildError `InvalidImage`, `InvalidContext`
 */
export async function readImageTree(image: OpenImage, scratch: string, label: string): Promise<DirectoryNode> {
  const file = path.join(scratch, 'spool');
  const spool: Spool = { path: file, handle: await open(file, 'wx', 0o600), size: 0 };
  try {
    let tree = EMPTY_TREE;
    for (const layer of image.layers) {
      const tar = checkedTar(layer, `a layer of ${label}`);
      tree = await readTarTree(tar, tree, { spool, label: `a layer of ${label}`, layer: true });
    }
    return tree;
  } finally {
    await spool.handle.close();
  }
}

async function* checkedTar({ read, diffID }: OpenLayer, label: string): AsyncGenerator<Buffer> {
  const hash = new DigestStream();
  for await (const chunk of unpacked(read(), label)) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = hash.digest();
  if (diffID !== actual)
    invalidImage(`${label} is damaged: its tar has the digest ${actual}, and the config says ${diffID || 'none'}`);
}

/**
 * Writes a tree into a new folder, for whoever runs wbuild: owners and modes of the image would keep a program from files that it may read in a
 * container, where it is root. Times are those of the image; pipes and devices are left out.
 */
export async function writeRoot(tree: DirectoryNode, folder: string, writable: boolean): Promise<void> {
  const mine = ownTree(tree, writable ? { file: 0o600, directory: 0o700 } : { file: 0o400, directory: 0o500 });
  mkdirSync(folder, { mode: 0o700 });
  await writeTree(mine, folder, 0);
  for (const [name, node] of [...walkTree(mine)].reverse()) {
    const target = encodeText(`${folder}/${name}`);
    const time = Number.isFinite(node.mtime) ? node.mtime : 0;
    if (node.type === 'symlink') lutimesSync(target, time, time);
    else utimesSync(target, time, time);
    if (node.type === 'directory') chmodSync(target, node.mode); // after what it holds, which comes before it here
  }
  chmodSync(folder, mine.mode);
}

interface Modes {
  readonly file: number;
  readonly directory: number;
}

function ownTree(tree: DirectoryNode, modes: Modes, files = new Map<FileNode, FileNode>()): DirectoryNode {
  const entries = new Map<string, Node>();
  for (const [name, node] of tree.entries) {
    if (node.type === 'directory') entries.set(name, ownTree(node, modes, files));
    else if (node.type === 'symlink') entries.set(name, node);
    else if (node.type === 'file') {
      const own = files.get(node) ?? { ...node, mode: modes.file }; // one node is one file, whatever its names
      files.set(node, own);
      entries.set(name, own);
    }
  }
  return { ...tree, mode: modes.directory, entries };
}
