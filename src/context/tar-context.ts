/**
 * An archive as a tree: a context on standard input, the layers of an image.
 *
 * Content is spooled to one temporary file, of which file nodes are ranges. Names stay inside: `..` is refused, and links in the parents of
 * an entry are followed inside the tree. Owners are dropped, as those of folders are: an image must not depend on who packed the archive.
 */
import type { FileHandle } from 'node:fs/promises';
import { BuildError, errnoOf, fail } from '../diagnostic/build-error.js';
import type { DirectoryNode, FileNode, Metadata } from '../snapshot/file-tree.js';
import { lookup, resolvePath, TreeEditor } from '../snapshot/tree-editor.js';
import { writeAll } from '../util/atomic-write.js';
import { joinPath, pathElements } from '../util/go-path.js';
import { describeTarError, readTar, type TarEntry } from '../util/read-tar.js';

/** A temporary file that takes the content of archives, several of which may be read side by side. */
export interface Spool {
  readonly path: string;
  readonly handle: FileHandle;
  /** Bytes that files have, or will have: each takes its range before the first of its bytes is there. */
  size: number;
}

export interface ReadTarOptions {
  readonly spool: Spool;
  /** For messages. */
  readonly label: string;
  /** Keep owners and obey whiteouts: an image layer. */
  readonly layer: boolean;
}

/**
 * Lays the entries of an archive (plain or gzip) over a tree.
 * @throws BuildError `InvalidContext` for a damaged archive, or one whose names lead outside
 */
export async function readTarTree(
  source: AsyncIterable<Uint8Array>,
  base: DirectoryNode,
  options: ReadTarOptions,
): Promise<DirectoryNode> {
  const editor = new TreeEditor(base);
  try {
    for await (const entry of readTar(source)) await addEntry(editor, entry, options);
  } catch (error) {
    const isSystem = /^E[A-Z0-9]+$/.test(errnoOf(error) ?? ''); // a full disk under the spool is no fault of the archive
    if (isSystem || error instanceof BuildError) throw error;
    fail(
      {
        code: 'InvalidContext',
        message: `${options.label} is damaged: ${describeTarError(error)}`,
        hint: 'make the archive again',
      },
      error,
    );
  }
  return editor.finish();
}

async function addEntry(editor: TreeEditor, entry: TarEntry, options: ReadTarOptions): Promise<void> {
  const elements = entry.path.split('/').filter((p) => p !== '' && p !== '.');
  if (elements.includes('..')) {
    fail({
      code: 'InvalidContext',
      message: `${options.label} names ${JSON.stringify(entry.path)}, which leads outside`,
      hint: 'make the archive without ..',
    });
  }
  const name = elements.pop();
  if (name === undefined) return; // the root itself
  const parent = editor.resolve(`/${elements.join('/')}`);
  makeParents(editor, parent);
  const path = joinPath(parent, name);
  if (options.layer && name.startsWith('.wh.')) return whiteout(editor, parent, name);
  const metadata: Metadata = {
    mode: entry.mode,
    uid: options.layer ? entry.uid : 0,
    gid: options.layer ? entry.gid : 0,
    mtime: entry.mtime,
    mtimeNsec: 0,
  };
  const existing = editor.lstat(path);
  if (entry.type === 'directory') {
    if (existing && existing.type !== 'directory') editor.remove(path);
    if (existing?.type !== 'directory') editor.mkdir(path, entry.mode);
    editor.setDirectory(path, metadata);
    return;
  }
  if (existing) editor.remove(path);
  await addFile(editor, path, entry, metadata, options);
}

async function addFile(
  editor: TreeEditor,
  path: string,
  entry: TarEntry,
  metadata: Metadata,
  options: ReadTarOptions,
): Promise<void> {
  switch (entry.type) {
    case 'symlink':
      return editor.create(path, { type: 'symlink', ...metadata, mode: 0o777, target: entry.linkname ?? '' });
    case 'link': {
      const target = lookup(
        editor.finish(),
        pathElements(resolvePath(editor.finish(), entry.linkname ?? '', { last: false })),
      );
      if (!target || target.type === 'directory') {
        fail({
          code: 'InvalidContext',
          message: `${options.label}: ${entry.path} is a hard link to ${entry.linkname}, which is not in the archive`,
          hint: 'make the archive again, with all of its files',
        });
      }
      return editor.create(path, target);
    }
    case 'fifo':
      return editor.create(path, { type: 'fifo', ...metadata, major: 0, minor: 0 });
    case 'file':
    case 'contiguous-file':
      return editor.create(path, await spoolFile(entry, metadata, options));
    default:
      return; // devices and what archives may hold besides
  }
}

/** Puts the content of an entry into a range of the spool that is its own, whatever else is being read meanwhile. */
async function spoolFile(entry: TarEntry, metadata: Metadata, { spool, label }: ReadTarOptions): Promise<FileNode> {
  const { size } = entry;
  const offset = spool.size;
  spool.size += size;
  let length = 0;
  for await (const chunk of entry.content) {
    if (length + chunk.length > size) break;
    await writeAll(spool.handle, chunk, offset + length);
    length += chunk.length;
  }
  if (length !== size) throw new Error(`${entry.path} does not have the ${size} bytes that its header says`);
  const content = { kind: 'file', path: spool.path, offset, label: `${entry.path} in ${label}` } as const;
  return { type: 'file', ...metadata, size, content };
}

function makeParents(editor: TreeEditor, path: string): void {
  const existing = editor.lstat(path);
  if (existing?.type === 'directory') return;
  if (path === '/') return;
  makeParents(editor, joinPath(path, '..'));
  if (existing) editor.remove(path);
  editor.mkdir(path, 0o755);
}

/** `.wh.name` removes a name of the layers below; `.wh..wh..opq` all of them. */
function whiteout(editor: TreeEditor, parent: string, name: string): void {
  if (name === '.wh..wh..opq') {
    const directory = editor.lstat(parent);
    if (directory?.type === 'directory')
      for (const entry of directory.entries.keys()) editor.remove(joinPath(parent, entry));
  } else if (editor.lstat(joinPath(parent, name.slice('.wh.'.length))))
    editor.remove(joinPath(parent, name.slice('.wh.'.length)));
}
