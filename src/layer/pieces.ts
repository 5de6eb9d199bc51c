/**
 * The tar stream of a layer, in pieces of at most about 1 MiB.
 *
 * Where a piece ends depends on the stream alone: on the sizes of its entries in order, never on timing, the number of
 * workers or what a cache holds. A compressed layer is its pieces, each deflated on its own (gzip.ts), so a change
 * moves the compressed bytes of the pieces it touches and of no others:
 *
 * - an entry that does not fit behind what is there starts a new piece;
 * - an entry larger than a piece has pieces of its own, cut at every PIECE_SIZE bytes, and what follows starts anew.
 */

import type { Change } from '../snapshot/diff.js';
import type { FileNode } from '../snapshot/file-tree.js';
import type { Digest } from '../util/digest.js';
import { openContent, readContentInto } from '../util/file-content.js';
import { type Hashing, HERE } from './hashing.js';
import { END_OF_ARCHIVE, HeaderWriter, padding, type TarHeader } from './tar.js';

export const PIECE_SIZE = 1024 * 1024;

/** Hears the digest of each file's content as it passes, once a file. */
export type OnContent = (file: FileNode, digest: Digest) => void;

/** Who knows of the contents of files, and who wants to. */
export interface ContentListener {
  /** The digest of a file that was hashed before and cannot have changed since; it is then not hashed again. Asked once for each file. */
  readonly known?: (file: FileNode) => Digest | undefined;
  readonly onContent?: OnContent;
}

/** Room for the end of the archive, and for the byte that must not be there behind a file (util/file-content.ts). */
const SLACK = END_OF_ARCHIVE.length + 1;

/**
 * Writes the entries of a layer as a tar stream. Every piece is a buffer of its own, of the memory that `hashing` wants.
 * @param epochSeconds no mtime is later than this
 * @throws BuildError `FileChanged`, `FileNotReadable`
 */
export async function* layerPieces(
  changes: Iterable<Change>,
  epochSeconds: number,
  listener: ContentListener = {},
  hashing: Hashing = HERE,
): AsyncGenerator<Buffer, void> {
  let piece = hashing.alloc(PIECE_SIZE + SLACK);
  let length = 0;
  const heard = new SmallFiles(listener, hashing);
  const links = new Map<FileNode, string>();
  const headers = new HeaderWriter();
  for (const change of changes) {
    const source = change.node.type === 'file' ? links.get(change.node) : undefined;
    const header = headers.encode(headerOf(change, source, epochSeconds));
    const content = change.node.type === 'file' && source === undefined ? change.node : undefined;
    if (content) links.set(content, change.path);
    const size = content?.size ?? 0;
    const total = header.length + size + padding(size);
    if (length > 0 && length + total > PIECE_SIZE) {
      heard.hash(piece);
      yield piece.subarray(0, length);
      piece = hashing.alloc(PIECE_SIZE + SLACK);
      length = 0;
    }
    if (total > PIECE_SIZE) {
      yield* largeEntry({ header, file: content! }, listener, hashing);
      continue;
    }
    piece.set(header, length);
    length += header.length;
    if (!content || size === 0) continue;
    readContentInto(content, piece, length);
    heard.add(content, length);
    piece.fill(0, length + size, length + size + padding(size));
    length += size + padding(size);
  }
  heard.hash(piece);
  piece.set(END_OF_ARCHIVE, length);
  yield piece.subarray(0, length + END_OF_ARCHIVE.length);
  await heard.all();
}

/** The files in a piece, whose digests are taken together once it is full. */
class SmallFiles {
  readonly #listener: ContentListener;
  readonly #hashing: Hashing;
  #files: FileNode[] = [];
  #parts: number[] = [];
  readonly #pending: Promise<void>[] = [];

  constructor(listener: ContentListener, hashing: Hashing) {
    this.#listener = listener;
    this.#hashing = hashing;
  }

  /** A file whose content begins at `offset` of the piece. */
  add(file: FileNode, offset: number): void {
    const { known, onContent } = this.#listener;
    if (!onContent) return;
    const digest = known?.(file);
    if (digest !== undefined) {
      onContent(file, digest);
      return;
    }
    this.#files.push(file);
    this.#parts.push(offset, file.size);
  }

  hash(piece: Uint8Array): void {
    const files = this.#files;
    const heard = this.#hashing.digestsOf(piece, this.#parts).then((digests) => {
      for (const [i, digest] of digests.entries()) this.#listener.onContent!(files[i]!, digest);
    });
    heard.catch(() => undefined); // heard at the end
    this.#pending.push(heard);
    this.#files = [];
    this.#parts = [];
  }

  /** Comes when every digest was told. */
  async all(): Promise<void> {
    await Promise.all(this.#pending);
  }
}

/** An entry in pieces of its own. While one is worked on, the next is being read. */
async function* largeEntry(
  { header, file }: { readonly header: Buffer; readonly file: FileNode },
  listener: ContentListener,
  hashing: Hashing,
): AsyncGenerator<Buffer, void> {
  const end = header.length + file.size;
  const total = end + padding(file.size);
  const known = listener.onContent && listener.known?.(file);
  const hash = listener.onContent && known === undefined ? hashing.open() : undefined;
  const reader = await openContent(file);
  let reading: Promise<Buffer> | undefined;
  const readPiece = async (from: number): Promise<Buffer> => {
    const piece = hashing.alloc(Math.min(PIECE_SIZE, total - from));
    if (from === 0) header.copy(piece);
    const until = Math.min(piece.length, end - from);
    if (until > 0) await reader.read(piece.subarray(from === 0 ? header.length : 0, until));
    return piece.fill(0, Math.max(until, 0));
  };
  try {
    reading = readPiece(0);
    for (let from = 0; from < total; from += PIECE_SIZE) {
      const piece: Buffer = await reading!;
      reading = from + PIECE_SIZE < total ? readPiece(from + PIECE_SIZE) : undefined;
      reading?.catch(() => undefined); // heard when it is awaited
      hash?.update(piece.subarray(from === 0 ? header.length : 0, Math.max(0, Math.min(piece.length, end - from))));
      if (reading === undefined) await reader.finish();
      yield piece;
    }
    if (listener.onContent) listener.onContent(file, known ?? (await hash!.digest()));
  } finally {
    await reading?.catch(() => undefined);
    await reader.close();
  }
}

function headerOf({ path, node }: Change, linkSource: string | undefined, epochSeconds: number): TarHeader {
  const { type, mode, uid, gid, mtime } = node;
  const hasDevice = type === 'char' || type === 'block';
  // one shape for all, which the engine makes fast
  return {
    path: type === 'directory' ? `${path}/` : path,
    type: linkSource === undefined ? type : 'hardlink',
    mode,
    uid,
    gid,
    size: type === 'file' && linkSource === undefined ? node.size : 0,
    mtime: Math.min(mtime, epochSeconds),
    unclampedMtime: Number.isFinite(mtime) ? mtime : undefined,
    linkname: linkSource ?? (type === 'symlink' ? node.target : undefined),
    major: hasDevice ? node.major : undefined,
    minor: hasDevice ? node.minor : undefined,
  };
}
