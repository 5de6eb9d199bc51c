/** A file tree on disk: what the `local` exporter makes before anything of it gets its place. */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type DirectoryNode, type FileNode, type Node, type SpecialNode, walkTree } from '../snapshot/file-tree.js';
import { readContent, readContentSync, SMALL_FILE } from '../util/file-content.js';
import { encodeText } from '../util/text.js';

/** A new file, never through a symbolic link that someone puts in its place. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** After so many entries other work gets its turn, signals above all. */
const BREATH = 256;

/**
 * Writes what a tree holds into an empty folder: content, links, modes (whatever the umask says), and one time for all. Owners are
 * those of the process. Folders stay at 0700 until {@link finishDirectories}, so that they can be filled and moved.
 * @throws system errors of writing; BuildError of reading content
 */
export async function writeTree(tree: DirectoryNode, folder: string, epochSeconds: number): Promise<void> {
  const firstNames = new Map<FileNode, string>();
  let count = 0;
  for (const [path, node] of walkTree(tree)) {
    const target = `${folder}/${path}`;
    const first = node.type === 'file' ? firstNames.get(node) : undefined;
    if (first !== undefined) linkSync(encodeText(first), encodeText(target));
    else await writeNode(node, target, folder, epochSeconds);
    if (node.type === 'file' && first === undefined) firstNames.set(node, target);
    if (++count % BREATH === 0) await setImmediate();
  }
}

async function writeNode(node: Node, target: string, folder: string, epochSeconds: number): Promise<void> {
  const path = encodeText(target);
  switch (node.type) {
    case 'directory':
      mkdirSync(path, { mode: 0o700 });
      return;
    case 'symlink':
      symlinkSync(encodeText(node.target), path);
      lutimesSync(path, epochSeconds, epochSeconds);
      return;
    case 'file':
      return writeFile(node, path, epochSeconds);
    default:
      await makeSpecial(node, `${folder}/.special`);
      renameSync(`${folder}/.special`, path);
      chmodSync(path, node.mode);
      utimesSync(path, epochSeconds, epochSeconds);
  }
}

async function writeFile(node: FileNode, path: Buffer, epochSeconds: number): Promise<void> {
  const fd = openSync(path, CREATE, 0o600);
  try {
    if (node.size > SMALL_FILE) for await (const chunk of readContent(node)) writeFully(fd, chunk);
    else if (node.size > 0) writeFully(fd, readContentSync(node));
    fchmodSync(fd, node.mode);
    futimesSync(fd, epochSeconds, epochSeconds);
  } finally {
    closeSync(fd);
  }
}

function writeFully(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
}

/**
 * A pipe or a device, by the commands of POSIX, since Node has no call for it. Arguments of a command cannot carry bytes that are
 * no UTF-8, so that the caller gives a plain name and renames.
 */
async function makeSpecial(node: SpecialNode, path: string): Promise<void> {
  const [command, args] =
    node.type === 'fifo'
      ? ['mkfifo', [path]]
      : ['mknod', [path, node.type === 'char' ? 'c' : 'b', String(node.major), String(node.minor)]];
  const { execFile } = await import('node:child_process'); // only for devices and pipes
  await promisify(execFile)(command, args).catch((error) => {
    throw Object.assign(new Error(`${command} failed: ${String(error.stderr || error.message).trim()}`), {
      code: 'EPERM',
    });
  });
}

/**
 * Gives the folders of a tree their modes and times, the innermost first: a folder that forbids entering it comes after what it holds.
 * @param undo receives what gives the folders that `isOld` knows their modes and times back
 */
export function finishDirectories(
  tree: DirectoryNode,
  folder: string,
  epochSeconds: number,
  isOld: (target: string) => boolean = () => false,
  undo: (() => void)[] = [],
): void {
  for (const [name, node] of tree.entries) {
    if (node.type !== 'directory') continue;
    const target = `${folder}/${name}`;
    const path = encodeText(target);
    finishDirectories(node, target, epochSeconds, isOld, undo);
    if (isOld(target)) {
      const { mode, atime, mtime } = lstatSync(path);
      undo.push(() => {
        chmodSync(path, mode & 0o7777);
        utimesSync(path, atime, mtime);
      });
    }
    chmodSync(path, node.mode);
    utimesSync(path, epochSeconds, epochSeconds);
  }
}
