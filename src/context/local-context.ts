/**
 * A folder as a context: its tree, cut down to what COPY reaches and the ignore file leaves.
 *
 * Owners are 0:0, and the root has the time of the build, as in BuildKit; content is not read here. Links are never followed on
 * disk: the tree holds them, and COPY follows them inside it.
 */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { type DirectoryNode, EMPTY_TREE, type FileNode, type Metadata, type Node } from '../snapshot/file-tree.js';
import { sha256 } from '../util/digest.js';
import { StampTable } from '../util/stamp.js';
import { compareBytes, decodeText, encodeText, hasRawBytes } from '../util/text.js';
import { followLinks } from './follow-links.js';
import { LocalFile } from './local-file.js';
import { type FilterState, PathFilter, TOP_STATE } from './path-filter.js';

export interface TreeFilter {
  /** Paths that COPY reads, without the leading slash; none: everything. */
  readonly followPaths: readonly string[];
  /** Patterns of the ignore file. */
  readonly excludes: readonly string[];
}

const NO_CONTENT = new Uint8Array();

/**
 * Lists a folder. Entries are listed in byte order; of several names of one inode, the first is the file and the others are links to it.
 * @param root absolute path of the folder, links resolved
 * @param skip absolute paths that are never part of the context: the destinations of this build
 * @throws BuildError `FileNotReadable` for a folder that cannot be listed; PatternError for a source that is no pattern
 */
export function readLocalTree(root: string, filter: TreeFilter, skip: ReadonlySet<string>): DirectoryNode {
  const includes = filter.followPaths.length > 0 ? followLinks(linkReader(root), filter.followPaths) : undefined;
  const lister = new Lister(root, new PathFilter(includes, filter.excludes), skip);
  return { ...EMPTY_TREE, entries: lister.list('', TOP_STATE) };
}

class Lister {
  /** By device and inode: files with several names. */
  readonly #linked = new Map<string, FileNode>();
  readonly #stamps = new StampTable();

  constructor(
    readonly root: string,
    readonly filter: PathFilter,
    readonly skip: ReadonlySet<string>,
  ) {}

  /** @param searched the folder is not selected itself: where we may not look into it, there is nothing in it */
  list(directory: string, state: FilterState, searched = false): Map<string, Node> {
    const entries = new Map<string, Node>();
    const prefix = directory === '' ? '' : `${directory}/`;
    for (const entry of readNames(this.root, directory, searched)) {
      const { name } = entry;
      const isDirectory = entry.isDirectory();
      const path = prefix + name;
      const result = this.filter.judge(path, isDirectory, state);
      if (result.skip || (!isDirectory && !result.selected)) continue;
      if (this.skip.size > 0 && this.skip.has(`${this.root}/${path}`)) continue;
      const stat = this.#stat(path);
      if (!stat) continue; // gone since it was listed
      if (!isDirectory) entries.set(name, this.#node(path, stat));
      else {
        const below = this.list(path, result, !result.selected);
        if (result.selected || below.size > 0)
          entries.set(name, { type: 'directory', ...metadataOf(stat), entries: below });
      }
    }
    return entries;
  }

  #stat(path: string): BigIntStats | undefined {
    try {
      return lstatSync(diskPath(this.root, path), { bigint: true });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      return unreadable(path, error);
    }
  }

  #node(path: string, stat: BigIntStats): Node {
    if (stat.isFile()) return this.#file(path, stat);
    const metadata = metadataOf(stat);
    if (stat.isSymbolicLink()) return { type: 'symlink', ...metadata, target: readTarget(this.root, path) };
    if (stat.isFIFO()) return { type: 'fifo', ...metadata, major: 0, minor: 0 };
    if (stat.isCharacterDevice() || stat.isBlockDevice()) {
      return { type: stat.isBlockDevice() ? 'block' : 'char', ...metadata, ...deviceOf(stat.rdev) };
    }
    // a socket, of which BuildKit's transfer makes an empty file
    return emptyFile(metadata);
  }

  /** Most of what there is: no object more than has to stay. */
  #file(path: string, stat: BigIntStats): FileNode {
    const key = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : '';
    const known = this.#linked.get(key);
    if (known) return known;
    const metadata = metadataOf(stat);
    const node: FileNode = this.filter.keepsOut(path)
      ? emptyFile(metadata)
      : {
          type: 'file',
          mode: metadata.mode,
          uid: metadata.uid,
          gid: metadata.gid,
          mtime: metadata.mtime,
          mtimeNsec: metadata.mtimeNsec,
          size: Number(stat.size),
          content: new LocalFile(this.root, path, this.#stamps, stat),
        };
    if (key !== '') this.#linked.set(key, node);
    return node;
  }
}

function emptyFile(metadata: Metadata): FileNode {
  return { type: 'file', ...metadata, size: 0, content: { kind: 'bytes', bytes: NO_CONTENT, digest: sha256('') } };
}

const NS = 1_000_000_000n;

function metadataOf({ mode, mtimeNs }: BigIntStats): Metadata {
  const [seconds, rest] = [Number(mtimeNs / NS), Number(mtimeNs % NS)];
  // division cuts toward zero: before 1970 the second before is meant
  const before = rest < 0;
  return {
    mode: Number(mode) & 0o7777,
    uid: 0,
    gid: 0,
    mtime: before ? seconds - 1 : seconds,
    mtimeNsec: before ? rest + 1_000_000_000 : rest,
  };
}

/** Linux's encoding of device numbers, the part that fits tar. */
function deviceOf(rdev: bigint): { major: number; minor: number } {
  return { major: Number((rdev >> 8n) & 0xfffn), minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)) };
}

function linkReader(root: string): Parameters<typeof followLinks>[0] {
  return {
    readlink(path) {
      try {
        return lstatSync(diskPath(root, path)).isSymbolicLink() ? readTarget(root, path) : undefined;
      } catch {
        return undefined; // nothing there: COPY will say so
      }
    },
    list(path) {
      try {
        return lstatSync(diskPath(root, path)).isDirectory()
          ? readNames(root, path === '.' ? '' : path).map((n) => n.name)
          : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/** What is used of a Dirent. */
interface Entry {
  readonly name: string;
  isDirectory(): boolean;
}

/** The names in a folder, in byte order; names that are not UTF-8 keep their bytes. */
function readNames(root: string, directory: string, searched = false): Entry[] {
  const path = diskPath(root, directory);
  try {
    let entries: Entry[] = readdirSync(path, { withFileTypes: true });
    if (entries.some((e) => e.name.includes('\ufffd'))) {
      entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' }).map((e) => ({
        name: decodeText(e.name as unknown as Buffer),
        isDirectory: () => e.isDirectory(),
      }));
    }
    return entries.sort((a, b) => compareBytes(a.name, b.name));
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'ENOENT' || (searched && (code === 'EACCES' || code === 'EPERM'))) return [];
    return unreadable(directory || '.', error);
  }
}

function readTarget(root: string, path: string): string {
  return decodeText(readlinkSync(diskPath(root, path), 'buffer'));
}

function diskPath(root: string, path: string): string | Buffer {
  const full = path === '' ? root : `${root}/${path}`;
  return hasRawBytes(full) ? encodeText(full) : full;
}

function unreadable(path: string, error: unknown): never {
  const hint = 'make it readable, or name it in .dockerignore';
  fail({ code: 'FileNotReadable', message: `${path} cannot be read: ${describeErrno(error)}`, hint }, error);
}
