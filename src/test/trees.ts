/** File trees for tests: written as a map of paths, shown as lines of text. */
import {
  BUILD_TIME,
  type DirectoryNode,
  EMPTY_TREE,
  type FileNode,
  type Node,
  walkTree,
} from '../snapshot/file-tree.js';
import { TreeEditor } from '../snapshot/tree-editor.js';
import { sha256 } from '../util/digest.js';
import { pathElements } from '../util/go-path.js';

/** A file by its content, or any entry; modes are 0o644 and 0o755, owners 0, the time is 1000. */
export type NodeSpec =
  | string
  | ({
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly mtime?: number;
      readonly nsec?: number;
    } & (
      | { readonly content: string }
      | { readonly dir: true }
      | { readonly symlink: string }
      | { readonly hardlink: string } // a path before it
      | { readonly fifo: true }
    ));

const DEFAULT_MTIME = 1000;

/** A tree in memory. Folders above an entry that are not listed themselves have the default mode and time. */
export function treeOf(entries: Readonly<Record<string, NodeSpec>>): DirectoryNode {
  const editor = new TreeEditor(EMPTY_TREE);
  const directories: [string, Node][] = [];
  const makeDirectory = (path: string, node: Node): void => {
    if (!editor.lstat(path)) editor.mkdir(path, node.mode);
    directories.push([path, node]);
  };
  for (const [name, spec] of Object.entries(entries)) {
    const parts = pathElements(name);
    for (let i = 1; i < parts.length; i++) {
      const above = `/${parts.slice(0, i).join('/')}`;
      if (!editor.lstat(above)) makeDirectory(above, nodeOf({ dir: true }));
    }
    const path = `/${parts.join('/')}`;
    const node = typeof spec === 'object' && 'hardlink' in spec ? editor.lstat(`/${spec.hardlink}`) : nodeOf(spec);
    if (node === undefined) throw new Error(`${name}: the file that it is a link to comes later`);
    if (node.type === 'directory') makeDirectory(path, node);
    else editor.create(path, node);
  }
  for (const [path, { mode, uid, gid, mtime, mtimeNsec }] of directories)
    editor.setDirectory(path, { mode, uid, gid, mtime, mtimeNsec });
  return { ...editor.finish(), mtime: BUILD_TIME, mtimeNsec: 0 };
}

/** A file with these bytes, which lie in memory. */
export function fileOf(content: string | Uint8Array, metadata: Partial<FileNode> = {}): FileNode {
  const bytes = Buffer.from(content);
  const place = { kind: 'bytes', bytes, digest: sha256(bytes) } as const;
  return {
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: DEFAULT_MTIME,
    mtimeNsec: 0,
    size: bytes.length,
    content: place,
    ...metadata,
  };
}

function nodeOf(spec: NodeSpec): Node {
  const entry = typeof spec === 'string' ? { content: spec } : spec;
  const { mode, uid = 0, gid = 0, mtime = DEFAULT_MTIME, nsec = 0 } = { mode: undefined, ...entry };
  const metadata = { uid, gid, mtime, mtimeNsec: nsec };
  if ('dir' in entry) return { type: 'directory', mode: mode ?? 0o755, ...metadata, entries: new Map() };
  if ('symlink' in entry) return { type: 'symlink', mode: 0o777, ...metadata, target: entry.symlink };
  if ('fifo' in entry) return { type: 'fifo', mode: mode ?? 0o644, ...metadata, major: 0, minor: 0 };
  return fileOf('content' in entry ? entry.content : '', { mode: mode ?? 0o644, ...metadata });
}

/** What lines of {@link showTree} tell besides path, type and content. */
export interface ShowOptions {
  readonly modes?: boolean;
  readonly times?: boolean;
}

/** A tree as lines: `a/`, `a/f "text"`, `a/l -> f`, `a/g = a/f` (a hard link); owners where they are not 0:0. */
export function showTree(tree: DirectoryNode, options: ShowOptions = {}): string[] {
  const first = new Map<Node, string>();
  return [...walkTree(tree)].map(([path, node]) => {
    const source = node.type === 'file' ? first.get(node) : undefined;
    if (source === undefined) first.set(node, path);
    return `${source === undefined ? showNode(path, node) : `${path} = ${source}`}${showMetadata(node, options)}`;
  });
}

function showNode(path: string, node: Node): string {
  if (node.type === 'directory') return `${path}/`;
  if (node.type === 'symlink') return `${path} -> ${node.target}`;
  if (node.type !== 'file') return `${path} (${node.type})`;
  return `${path} "${node.content.kind === 'bytes' ? Buffer.from(node.content.bytes).toString() : node.content.label}"`;
}

function showMetadata(
  { mode, uid, gid, mtime, mtimeNsec }: Node,
  { modes = false, times = false }: ShowOptions,
): string {
  const shown = [
    ...(modes ? [mode.toString(8)] : []),
    ...(uid !== 0 || gid !== 0 ? [`${uid}:${gid}`] : []),
    ...(times ? [mtime === BUILD_TIME ? '@now' : `@${mtime}${mtimeNsec ? `.${mtimeNsec}` : ''}`] : []),
  ];
  return shown.map((s) => ` ${s}`).join('');
}
