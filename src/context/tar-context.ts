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
  const unpacked: Unpacked = { editor: new TreeEditor(base), options, own: new Set(), directories: new Map() };
  const { editor, directories } = unpacked;
  try {
    for await (const entry of readTar(source)) await addEntry(unpacked, entry);
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
  // at the end, since what is put into a folder changes its time
  for (const [path, metadata] of directories)
    if (editor.lstat(path)?.type === 'directory') editor.setDirectory(path, metadata);
  return editor.finish();
}

/** An archive that is being laid over a tree. */
interface Unpacked {
  readonly editor: TreeEditor;
  readonly options: ReadTarOptions;
  /** What came of this archive, and the folders that it lies in: its whiteouts leave that alone. */
  readonly own: Set<string>;
  /** The folders that it names, as it describes them. */
  readonly directories: Map<string, Metadata>;
}

async function addEntry({ editor, options, own, directories }: Unpacked, entry: TarEntry): Promise<void> {
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
  if (options.layer && name.startsWith('.wh.')) return whiteout({ editor, own }, parent, name);
  for (let at = path; at !== '/' && !own.has(at); at = joinPath(at, '..')) own.add(at);
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
    directories.set(path, metadata);
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

/**
 * `.wh.name` removes a name; `.wh..wh..opq` everything in its folder that is of the layers below, wherever in the archive it stands.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
 */
function whiteout({ editor, own }: Pick<Unpacked, 'editor' | 'own'>, parent: string, name: string): void {
  const path = joinPath(parent, name.slice('.wh.'.length));
  if (name === '.wh..wh..opq') removeLower({ editor, own }, parent);
  else if (editor.lstat(path)) editor.remove(path);
}

function removeLower({ editor, own }: Pick<Unpacked, 'editor' | 'own'>, folder: string): void {
  const directory = editor.lstat(folder);
  if (directory?.type !== 'directory') return;
  for (const [name, node] of [...directory.entries]) {
    const path = joinPath(folder, name);
    if (!own.has(path)) editor.remove(path);
    else if (node.type === 'directory') removeLower({ editor, own }, path);
  }
}
