/**
 * COPY: a source tree and a destination tree in, the changed destination tree out. No content moves: nodes are shared.
 *
 * The rules are BuildKit's, down to what they do to the times of directories, since those are bytes of the layer.
 * docs/compatibility.md ("COPY") lists them.
 * @see moby/buildkit solver/llbsolver/file/backend.go (docopy), vendor/github.com/tonistiigi/fsutil/copy/copy.go
 */
import { baseName, cleanPath, joinPath, pathElements } from '../util/go-path.js';
import { applySymbolicMode } from '../util/symbolic-mode.js';
import { type DirectoryNode, type FileNode, type Metadata, type Node, sortedEntries } from './file-tree.js';
import { resolveWildcards } from './glob.js';
import { type ParentMatches, PatternSet } from './patterns.js';
import { lookup, resolvePath, TreeEditor, TreeError } from './tree-editor.js';

/** What a COPY says; LLB's copy action has these fields. */
export interface CopyOptions {
  /** Absolute and clean; wildcards where they are allowed. */
  readonly src: string;
  /** Absolute; a slash or `/.` at its end says that it is a directory. */
  readonly dest: string;
  /** Permission bits, or -1 to keep those of the source. */
  readonly mode: number;
  /** A mode in symbols, which wins; or ''. */
  readonly modeStr: string;
  /** A link named as source stands for what it points at. */
  readonly followSymlink: boolean;
  /** A directory stands for what it holds. */
  readonly dirCopyContents: boolean;
  readonly allowWildcard: boolean;
  readonly includePatterns: readonly string[];
  readonly excludePatterns: readonly string[];
  readonly requiredPaths: readonly string[];
  /** Nobody has read the wildcards of `src` before: one that cannot be understood names nothing. */
  readonly unread?: boolean;
}

/** Ids that the copy gets; undefined keeps those of the source. */
export interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Applies one copy action.
 * @throws TreeError when a source does not exist or a file stands where a directory must be (or the reverse), PatternError
 */
export function copyTree(
  source: DirectoryNode,
  destination: DirectoryNode,
  action: CopyOptions,
  owner: OwnerIds | undefined,
): DirectoryNode {
  const editor = new TreeEditor(destination);
  const names = action.allowWildcard ? resolveWildcards(source, action.src, action) : [action.src];
  for (const name of names) new Copier(source, editor, action, owner).copy(name, action.dest);
  return editor.finish();
}

/** A directory on the way to what is copied; made only when something below it is. */
interface PendingParent {
  readonly node: DirectoryNode;
  readonly target: string;
  copied: boolean;
}

interface Step {
  readonly node: Node;
  readonly target: string;
  /** The path below the source, '' for the source itself. */
  readonly relative: string;
  readonly included: ParentMatches;
  readonly excluded: ParentMatches;
}

/** Linux follows so many links on one way. */
const MAX_LINKS = 40;

/** The mode of directories that have to be made. */
const PARENT_MODE = 0o755;

class Copier {
  readonly #include: PatternSet | undefined;
  readonly #exclude: PatternSet | undefined;
  readonly #parents: PendingParent[] = [];
  /** Source file → its copy, so that hard links within one source stay links. */
  readonly #links = new Map<FileNode, FileNode>();

  constructor(
    readonly source: DirectoryNode,
    readonly editor: TreeEditor,
    readonly action: CopyOptions,
    readonly owner: OwnerIds | undefined,
  ) {
    this.#include = action.includePatterns.length > 0 ? new PatternSet(action.includePatterns) : undefined;
    this.#exclude = action.excludePatterns.length > 0 ? new PatternSet(action.excludePatterns) : undefined;
  }

  copy(name: string, dest: string): void {
    const at = dest.lastIndexOf('/') + 1;
    const last = dest.slice(at);
    this.#mkdirAll(this.editor.resolve(last !== '' && last !== '.' ? dest.slice(0, at) : dest));
    const path = resolvePath(this.source, name, { last: this.action.followSymlink });
    const node = lookup(this.source, pathElements(path));
    if (!node) throw new TreeError('not-found', name, `${name} does not exist`);
    const target = this.#targetOf(node, name, this.editor.resolve(cleanPath(dest)));
    this.#copyNode({ node, target, relative: '', included: [], excluded: [] });
  }

  /** A file goes into a directory that is there; the contents of a directory go to the destination itself. */
  #targetOf(node: Node, name: string, dest: string): string {
    const existing = this.editor.lstat(dest);
    const isDirectory = node.type === 'directory';
    const contents = this.action.dirCopyContents;
    const into = isDirectory ? !contents && existing !== undefined : existing?.type === 'directory';
    const target = into ? joinPath(dest, baseName(name)) : dest;
    this.#mkdirAll(contents && isDirectory && !existing ? target : parentOf(target));
    return target;
  }

  #copyNode(step: Step): void {
    const { node, target, relative } = step;
    const top = relative === '';
    const { include, excluded, matches } = top ? TOP : this.#select(step);
    if (node.type === 'directory') {
      this.#copyDirectory(step, node, { include, excluded, matches });
      return;
    }
    if (!include) return;
    this.#makeParents(!top);
    this.editor.create(target, this.#fileOf(node));
  }

  #select(step: Step): Selection {
    if (!this.#include && !this.#exclude) return TOP;
    const included = this.#include?.match(step.relative, step.included);
    const excluded = this.#exclude?.match(step.relative, step.excluded);
    return {
      include: (included?.matched ?? true) && !excluded?.matched,
      excluded: excluded?.matched ?? false,
      matches: { included: included?.matches ?? [], excluded: excluded?.matches ?? [] },
    };
  }

  /**
   * The source directory itself only lends its time to a destination that is there; directories below it overwrite mode and
   * owner too. The time is set last, since filling a directory changes it.
   */
  #copyDirectory({ target, relative }: Step, node: DirectoryNode, { include, excluded, matches }: Selection): void {
    const top = relative === '';
    const before = this.editor.lstat(target);
    const gone = excluded && !this.#exclude?.hasNegations; // nothing below can come back
    if (gone && !this.#include) return;
    // the place of a directory is looked at even when nothing of it is copied
    if (!top && this.#isBlocked(parentOf(target), include)) {
      throw new TreeError('not-a-directory', parentOf(target), `${parentOf(target)} is not a directory`);
    }
    if (gone) return;
    let created = false;
    if (include) {
      this.#makeParents(!top);
      created = this.#makeDirectory(target, node, !top);
    }
    this.#parents.push({ node, target, copied: include });
    const prefix = target === '/' ? target : `${target}/`; // a target is clean, and a name has no slash in it
    for (const [name, child] of sortedEntries(node)) {
      const below = top ? name : `${relative}/${name}`;
      this.#copyNode({ node: child, target: `${prefix}${name}`, relative: below, ...matches });
    }
    this.#parents.pop();
    if (include && (!top || created)) this.editor.setDirectory(target, this.#metadata(node));
    else if (top && !created && before)
      this.editor.setDirectory(target, { mtime: node.mtime, mtimeNsec: node.mtimeNsec });
  }

  /**
   * Whether there can be nothing in a place, which is no directory. That of something that is not copied is looked at as the kernel does, through
   * links: one that leads out of the image is taken to lead nowhere.
   */
  #isBlocked(path: string, copied: boolean): boolean {
    const node = this.editor.lstat(path);
    if (node && (copied || node.type !== 'symlink')) return node.type !== 'directory';
    const left = path.split('/');
    let done = '';
    for (let links = 0; left.length > 0; ) {
      const name = left.shift()!;
      if (name === '' || name === '.') continue;
      if (name === '..' && done === '') return false;
      const next = name === '..' ? done.slice(0, done.lastIndexOf('/')) : `${done}/${name}`;
      const found = next === '' ? undefined : this.editor.lstat(next);
      if (found?.type === 'symlink') {
        if (found.target.startsWith('/')) return false;
        if (++links > MAX_LINKS) return true;
        left.unshift(...found.target.split('/'));
      } else if (next !== '' && found?.type !== 'directory') return found !== undefined;
      else done = next;
    }
    return false;
  }

  /** Makes the directories that were put off, now that something below them is copied. Their times become those of the build. */
  #makeParents(overwrite: boolean): void {
    for (const parent of this.#parents) {
      if (parent.copied) continue;
      if (this.#makeDirectory(parent.target, parent.node, overwrite)) {
        this.editor.setDirectory(parent.target, this.#metadata(parent.node));
      }
      parent.copied = true;
    }
  }

  /** Whether it was made; one that is there gets the mode of the source where it is to be overwritten. */
  #makeDirectory(target: string, node: DirectoryNode, overwrite: boolean): boolean {
    const existing = this.editor.lstat(target);
    if (!existing) {
      this.editor.mkdir(target, node.mode);
      return true;
    }
    if (existing.type !== 'directory') {
      throw new TreeError('not-a-directory', target, `${target} is not a directory, and one cannot take its place`);
    }
    if (overwrite) this.editor.setDirectory(target, { mode: node.mode });
    return false;
  }

  #fileOf(node: Exclude<Node, DirectoryNode>): Exclude<Node, DirectoryNode> {
    if (node.type === 'symlink') return { ...node, ...this.#metadata(node), mode: 0o777 };
    if (node.type !== 'file') return { ...node, ...this.#metadata(node) };
    const linked = this.#links.get(node);
    if (linked) return linked;
    const { mode, uid, gid, mtime, mtimeNsec } = this.#metadata(node);
    const copy: FileNode = { type: 'file', mode, uid, gid, mtime, mtimeNsec, size: node.size, content: node.content };
    this.#links.set(node, copy);
    return copy;
  }

  #metadata(node: Node): Metadata {
    const { mode, modeStr } = this.action;
    const bits =
      modeStr !== ''
        ? applySymbolicMode(modeStr, node.mode, node.type === 'directory')
        : mode === -1
          ? node.mode
          : mode;
    const { uid, gid } = this.owner ?? node;
    return { mode: bits, uid, gid, mtime: node.mtime, mtimeNsec: node.mtimeNsec };
  }

  /** Directories that have to be made get --chown, and the lower nine bits of an octal --chmod; set-gid is inherited, and the group with it. */
  #mkdirAll(path: string): void {
    const existing = this.editor.lstat(path);
    if (existing?.type === 'directory') return;
    if (existing) throw new TreeError('not-a-directory', path, `${path} is not a directory`);
    this.#mkdirAll(parentOf(path));
    const { mode, modeStr } = this.action;
    this.editor.mkdir(path, (mode === -1 || modeStr !== '' ? PARENT_MODE : mode) & 0o777);
    this.editor.setDirectory(path, { ...this.owner });
  }
}

interface Selection {
  readonly include: boolean;
  readonly excluded: boolean;
  readonly matches: { readonly included: ParentMatches; readonly excluded: ParentMatches };
}

/** Of the source itself, and of all that is below it where there are no patterns. */
const TOP: Selection = { include: true, excluded: false, matches: { included: [], excluded: [] } };

function parentOf(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf('/')) || '/');
}
