/**
 * A file tree that is being changed: the file-system calls that a COPY makes, on immutable trees.
 *
 * Directories are copied when they are first changed, so the tree that the editor started from stays as it was. As on a
 * disk, making or removing an entry sets its directory's mtime to the time of the build.
 */
import { cleanPath, pathElements } from '../util/go-path.js';
import { BUILD_TIME, type DirectoryNode, type Metadata, type Node } from './file-tree.js';

/** Thrown for what a file system would refuse; the caller knows the COPY. */
export class TreeError extends Error {
  constructor(
    readonly reason: 'not-found' | 'not-a-directory' | 'is-a-directory' | 'too-many-links' | 'invalid',
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}

/** As many links as continuity's RootPath walks. */
const MAX_LINKS = 255;

interface MutableDirectory extends DirectoryNode {
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  mtimeNsec: number;
  entries: Map<string, Node>;
}

export class TreeEditor {
  #root: DirectoryNode;
  /** Directories that belong to this editor alone. */
  readonly #owned = new Set<DirectoryNode>();
  /**
   * Some of them by path, as it was given; the root is ''. An entry stays right: a directory that is owned is changed in place, and where one is
   * removed all are forgotten (what is below it would have to be looked for among them, and they are found again by the way).
   */
  readonly #byPath = new Map<string, MutableDirectory>();

  constructor(tree: DirectoryNode) {
    this.#root = tree;
  }

  /** The tree as it is now; the editor is not used any more after that. */
  finish(): DirectoryNode {
    return this.#root;
  }

  /** What is at a path, links not followed; the path is below `/` and has no link in it but maybe its last element. */
  lstat(path: string): Node | undefined {
    const at = path.lastIndexOf('/');
    const name = path.slice(at + 1);
    const parent = at >= 0 && isPlain(name) ? this.#byPath.get(path.slice(0, at)) : undefined;
    return parent ? parent.entries.get(name) : lookup(this.#root, pathElements(path));
  }

  resolve(path: string): string {
    return resolvePath(this.#root, path);
  }

  /** Makes a directory; its parent must exist. In a set-gid directory it inherits the group. */
  mkdir(path: string, mode: number): void {
    const [parent, name] = this.#parentOf(path);
    const setGid = (parent.mode & 0o2000) !== 0;
    const directory: MutableDirectory = {
      type: 'directory',
      mode: (mode & 0o1777) | (setGid ? 0o2000 : 0),
      uid: 0,
      gid: setGid ? parent.gid : 0,
      mtime: BUILD_TIME,
      mtimeNsec: 0,
      entries: new Map(),
    };
    this.#owned.add(directory);
    this.#byPath.set(path, directory);
    this.#put(parent, name, directory);
  }

  /**
   * Puts a node that is no directory at a path, in the place of what is there; its parent must exist.
   * @throws TreeError `is-a-directory`
   */
  create(path: string, node: Exclude<Node, DirectoryNode>): void {
    const [parent, name] = this.#parentOf(path);
    if (parent.entries.get(name)?.type === 'directory')
      throw new TreeError('is-a-directory', path, `${path} is a directory, and a file cannot take its place`);
    this.#put(parent, name, node);
  }

  /** Removes what is at a path. */
  remove(path: string): void {
    const [parent, name] = this.#parentOf(path);
    if (parent.entries.get(name)?.type === 'directory') this.#byPath.clear();
    parent.entries.delete(name);
    parent.mtime = BUILD_TIME;
    parent.mtimeNsec = 0;
  }

  /** Sets fields of a directory. */
  setDirectory(path: string, fields: Partial<Metadata>): void {
    Object.assign(this.#byPath.get(path) ?? this.#own(pathElements(path)), fields);
  }

  #put(parent: MutableDirectory, name: string, node: Node): void {
    parent.entries.set(name, node);
    parent.mtime = BUILD_TIME;
    parent.mtimeNsec = 0;
  }

  #parentOf(path: string): [MutableDirectory, string] {
    const at = path.lastIndexOf('/');
    const last = path.slice(at + 1);
    const known = at >= 0 && isPlain(last) ? this.#byPath.get(path.slice(0, at)) : undefined;
    if (known) return [known, last];
    const elements = pathElements(path);
    const name = elements.pop();
    if (name === undefined) throw new TreeError('invalid', path, '/ cannot be replaced');
    const parent = this.#own(elements);
    if (at >= 0 && isPlain(last)) this.#byPath.set(path.slice(0, at), parent);
    return [parent, name];
  }

  /** The directory at a path, made this editor's own together with those above it. */
  #own(elements: readonly string[]): MutableDirectory {
    if (!this.#owned.has(this.#root)) this.#root = this.#copyOf(this.#root);
    let directory = this.#root as MutableDirectory;
    for (const [i, name] of elements.entries()) {
      const child = directory.entries.get(name);
      if (child?.type !== 'directory') {
        const path = `/${elements.slice(0, i + 1).join('/')}`;
        throw new TreeError('not-a-directory', path, `${path} is not a directory`);
      }
      const own = this.#owned.has(child) ? (child as MutableDirectory) : this.#copyOf(child);
      if (own !== child) directory.entries.set(name, own);
      directory = own;
    }
    return directory;
  }

  #copyOf(directory: DirectoryNode): MutableDirectory {
    const copy: MutableDirectory = { ...directory, entries: new Map(directory.entries) };
    this.#owned.add(copy);
    return copy;
  }
}

/** Whether the last part of a path names an entry, so that what is before it is the path of a directory. */
function isPlain(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..';
}

/** What is at the end of a path of plain directories; undefined where a part is missing or no directory. */
export function lookup(tree: DirectoryNode, elements: readonly string[]): Node | undefined {
  let node: Node | undefined = tree;
  for (const name of elements) {
    if (node?.type !== 'directory') return undefined;
    node = node.entries.get(name);
  }
  return node;
}

/**
 * Follows the links in a path within a tree, as in a chroot: `..` and absolute targets stop at its root. What does not exist
 * stays as it is named.
 * @param options.last whether a link at the end is followed
 * @throws TreeError `too-many-links`, `not-a-directory`
 * @see containerd/continuity fs/path.go (RootPath)
 */
export function resolvePath(
  tree: DirectoryNode,
  path: string,
  options: { readonly last: boolean } = { last: true },
): string {
  let rest = pathElements(path);
  let done: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const name = rest.shift()!;
    const parent = lookup(tree, done);
    if (parent !== undefined && parent.type !== 'directory') {
      throw new TreeError('not-a-directory', `/${done.join('/')}`, `/${done.join('/')} is not a directory`);
    }
    const node = parent?.entries.get(name);
    if (node?.type !== 'symlink' || (rest.length === 0 && !options.last)) {
      done.push(name);
      continue;
    }
    if (++links > MAX_LINKS)
      throw new TreeError('too-many-links', path, `${path}: too many links, or a circle of them`);
    const target = node.target.startsWith('/') ? node.target : `/${[...done, node.target].join('/')}`;
    rest = [...pathElements(target), ...rest];
    done = [];
  }
  return cleanPath(`/${done.join('/')}`);
}
