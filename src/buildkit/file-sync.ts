/**
 * The files of a context, sent to a daemon: the sending side of fsutil's DiffCopy. The daemon hears of every entry, compares with what it has
 * from an earlier build, and asks for the files that are new to it.
 *
 * What is sent is the tree that a local build reads, and nothing else: a request names a context and files of it by their number, never a path.
 * @see tonistiigi/fsutil send.go, stat_unix.go, moby/buildkit session/filesync/filesync.go
 */
import type { ContentDigests } from '../context/content-digests.js';
import { BUILD_TIME, type DirectoryNode, type FileNode, type Node, walkTree } from '../snapshot/file-tree.js';
import { readContent, readContentSync, SMALL_FILE } from '../util/file-content.js';
import { encodeText } from '../util/text.js';
import { RefusedCall, type ServerStream, STATUS } from './grpc.js';
import type { MessageInitShape } from './messages.js';
import { type Packet, Packet_Kind, type PacketSchema, type StatSchema } from './proto/fsutil_pb.js';

/** A context that a daemon may read. */
export interface SharedContext {
  /** As in `local://name`. */
  readonly name: string;
  /** What the definition asks of it, which is all that is given. */
  readonly followPaths: readonly string[];
  readonly excludes: readonly string[];
  tree(): Promise<DirectoryNode>;
}

export type SyncStream = ServerStream<Packet, MessageInitShape<typeof PacketSchema>>;

/** What a transfer came to. */
export interface SyncCounters {
  entries: number;
  files: number;
  bytes: number;
}

/** Bytes of one DATA packet: large enough to be few, far below the limit of a message. */
const DATA_SIZE = 256 * 1024;
/** Files that are read at once, as BuildKit's own client does. */
const PARALLEL = 4;

/**
 * What a request asks for, of the contexts by name; one may be read twice, each time for other files.
 * @throws RefusedCall when it asks for a context that the build does not read, or for other files of it
 */
export function requestedContext(stream: SyncStream, contexts: readonly SharedContext[]): SharedContext {
  // HTTP/2 joins the values of one name with commas; ours, joined the same way, must come out
  const text = (header: string) => {
    const joined = stream.header(header).join(', ');
    return stream.header(`${header}-encoded`)[0] === '1' ? decodeURIComponent(joined.replaceAll('+', ' ')) : joined;
  };
  const name = text('dir-name');
  const named = contexts.filter((context) => context.name === name);
  if (named.length === 0) throw new RefusedCall(STATUS.NOT_FOUND, `no access allowed to dir ${JSON.stringify(name)}`);
  const found = named.find(
    ({ followPaths, excludes }) =>
      text('followpaths') === followPaths.join(', ') &&
      text('exclude-patterns') === excludes.join(', ') &&
      text('include-patterns') === '',
  );
  if (found) return found;
  throw new RefusedCall(STATUS.PERMISSION_DENIED, `the build does not read these files of ${JSON.stringify(name)}`);
}

/**
 * Sends a tree, as far as the other side asks for it.
 * @throws BuildError `FileChanged`, `FileNotReadable` for what cannot be read, after telling the other side; RefusedCall for what is no request
 */
export async function sendTree(
  stream: SyncStream,
  tree: DirectoryNode,
  digests: ContentDigests,
): Promise<SyncCounters> {
  return new Sender(stream, digests).run(tree);
}

class Sender {
  /** Files that may be asked for, each once, by number. */
  readonly #files = new Map<number, FileNode>();
  readonly #queue: [id: number, file: FileNode][] = [];
  readonly #counters: SyncCounters = { entries: 0, files: 0, bytes: 0 };
  #wake: () => void = () => undefined;
  #finished = false;
  #failed = false;

  constructor(
    readonly stream: SyncStream,
    readonly digests: ContentDigests,
  ) {}

  async run(tree: DirectoryNode): Promise<SyncCounters> {
    const work = [this.#announce(tree), this.#listen(), this.#serve()];
    try {
      await Promise.all(work);
    } catch (error) {
      this.#failed = true;
      this.#wake();
      const data = Buffer.from(error instanceof Error ? error.message : String(error));
      await this.stream.send({ type: Packet_Kind.ERR, data }).catch(() => undefined);
      throw error;
    }
    return this.#counters;
  }

  /** Tells every entry, in the order in which BuildKit walks. */
  async #announce(tree: DirectoryNode): Promise<void> {
    const names = new Map<FileNode, string>();
    let id = 0;
    for (const [path, node] of walkTree(tree)) {
      if (this.#failed) return;
      const first = node.type === 'file' ? names.get(node) : undefined;
      const digest = node.type === 'file' ? await this.digests.digest(node) : undefined;
      if (node.type === 'file' && first === undefined) {
        names.set(node, path);
        this.#files.set(id, node);
      }
      id++;
      await this.stream.send({ type: Packet_Kind.STAT, stat: statOf(path, node, first, digest) });
    }
    this.#counters.entries = id;
    await this.stream.send({ type: Packet_Kind.STAT });
  }

  /** Takes requests until the other side has all that it wants. */
  async #listen(): Promise<void> {
    for await (const { type, id, data } of this.stream.requests) {
      if (type === Packet_Kind.REQ) {
        const file = this.#files.get(id);
        if (!file) throw new RefusedCall(STATUS.PERMISSION_DENIED, `there is no file ${id} to ask for`);
        this.#files.delete(id);
        this.#queue.push([id, file]);
        this.#wake();
      } else if (type === Packet_Kind.FIN) {
        this.#finished = true;
        this.#wake();
        await this.stream.send({ type: Packet_Kind.FIN });
        return;
      } else if (type === Packet_Kind.ERR) {
        throw new RefusedCall(STATUS.ABORTED, `the builder: ${Buffer.from(data).toString('utf8').slice(0, 1000)}`);
      } else throw new RefusedCall(STATUS.INVALID_ARGUMENT, `a packet of type ${type} is no request`);
    }
    if (!this.#finished) throw new RefusedCall(STATUS.ABORTED, 'the builder ended the transfer of files too early');
  }

  async #serve(): Promise<void> {
    const running = new Set<Promise<void>>();
    for (;;) {
      const next = this.#queue.shift();
      if (next) {
        const sending: Promise<void> = this.#send(...next).finally(() => running.delete(sending));
        running.add(sending);
        if (running.size >= PARALLEL) await Promise.race(running);
      } else if (this.#finished || this.#failed) {
        await Promise.all(running);
        return;
      } else {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([woken, ...running]);
      }
    }
  }

  async #send(id: number, file: FileNode): Promise<void> {
    this.#counters.files++;
    for await (const chunk of file.size <= SMALL_FILE ? [readContentSync(file)] : readContent(file)) {
      for (let at = 0; at < chunk.length; at += DATA_SIZE) {
        const data = chunk.subarray(at, at + DATA_SIZE);
        this.#counters.bytes += data.length;
        await this.stream.send({ type: Packet_Kind.DATA, id, data });
      }
    }
    await this.stream.send({ type: Packet_Kind.DATA, id });
  }
}

/** Go's os.FileMode: types and set-id bits. */
const GO_MODE = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  block: 2 ** 26,
  fifo: 2 ** 25,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  char: 2 ** 26 + 2 ** 21,
  sticky: 2 ** 20,
  file: 0,
} as const;

function goMode({ type, mode }: Node): number {
  const bits = [
    mode & 0o4000 && GO_MODE.setuid,
    mode & 0o2000 && GO_MODE.setgid,
    mode & 0o1000 && GO_MODE.sticky,
    GO_MODE[type],
  ];
  return bits.reduce<number>((sum, bit) => sum + bit, mode & 0o777);
}

/** Where the clock of the build stands in a tree: later than any epoch, as late as nanoseconds in 64 bits go. */
const LATEST = 9_223_372_036;

function statOf(
  path: string,
  node: Node,
  first: string | undefined,
  digest: string | undefined,
): MessageInitShape<typeof StatSchema> {
  const seconds = node.mtime === BUILD_TIME ? LATEST : node.mtime;
  const nanoseconds = digest === undefined ? node.mtimeNsec : contentNsec(node.mtimeNsec, digest);
  const stat = {
    path: encodeText(path),
    mode: goMode(node),
    uid: node.uid,
    gid: node.gid,
    modTime: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
  };
  switch (node.type) {
    case 'directory':
      return stat;
    case 'symlink': {
      const linkname = encodeText(node.target);
      return { ...stat, size: BigInt(linkname.length), linkname };
    }
    case 'file':
      return first === undefined ? { ...stat, size: BigInt(node.size) } : { ...stat, linkname: encodeText(first) };
    default:
      return { ...stat, devmajor: BigInt(node.major), devminor: BigInt(node.minor) };
  }
}

/**
 * The fraction of a second of a file's time, made of the real one and of the content. A daemon takes a file for unchanged when size and time are
 * what it has from an earlier build; tools that set times (as for reproducible archives) would leave it with old bytes, and the digest would
 * not be that of a local build. Fractions never reach a layer, and equal files still have equal times. Two contents of one size and one time in
 * seconds have the same fraction once in 10^9: the protocol has no room for more.
 */
function contentNsec(nsec: number, digest: string): number {
  const content = Number.parseInt(digest.slice('sha256:'.length, 'sha256:'.length + 12), 16);
  return (nsec + content) % 1_000_000_000;
}
