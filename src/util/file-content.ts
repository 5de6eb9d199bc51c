/**
 * The bytes of files of a context, read as what was listed: a file that changed since then is an error, because a layer
 * would mix two states, or hold what a tar header does not say.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { type FileState, isStampOf, type Stamp, stateOf } from './stamp.js';
import { encodeText, hasRawBytes } from './text.js';

/** What is read: a file node of a tree. The shape of snapshot/content.ts, spelt out because util imports nothing above it. */
export interface ContentNode {
  /** Bytes. */
  readonly size: number;
  readonly content: BytesOnDisk | { readonly kind: 'bytes'; readonly bytes: Uint8Array };
}

interface BytesOnDisk {
  readonly kind: 'file';
  readonly path: string;
  readonly offset: number;
  readonly label: string;
  readonly stamp?: Stamp;
}

/** Up to this size a file is better read at once: the event loop waits less than for the hops of asynchronous calls. */
export const SMALL_FILE = 1024 * 1024;

const CHUNK = 1024 * 1024;

/**
 * A symlink or a pipe that took the place of the file is never followed or waited for. (One higher up in the path is found by the
 * inode of the stamp.)
 */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The bytes of a file in chunks of at most 1 MiB, each a buffer of its own; no more than one is held here.
 * @throws BuildError `FileChanged` when the file is not, or does not stay, as its stamp says; `FileNotReadable` otherwise
 */
export async function* readContent(node: ContentNode): AsyncGenerator<Uint8Array, void> {
  const { content, size } = node;
  if (content.kind === 'bytes') {
    yield content.bytes;
    return;
  }
  const reader = await openContent(node);
  try {
    for (let at = 0; at < size; at += CHUNK) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - at));
      await reader.read(chunk);
      yield chunk;
    }
    await reader.finish();
  } finally {
    await reader.close();
  }
}

/** A file that is read from its beginning, piece by piece, into buffers of the caller's. */
export interface OpenContent {
  /** Fills `target` with the next bytes. */
  read(target: Uint8Array): Promise<void>;
  /** To be called when all is read: is the file still what it was? */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file whose bytes are wanted in buffers that are there already.
 * @throws as {@link readContent} does, and so do the methods of what it gives
 */
export async function openContent({ content, size }: ContentNode): Promise<OpenContent> {
  let at = 0;
  if (content.kind === 'bytes') {
    const read = async (target: Uint8Array) => {
      target.set(content.bytes.subarray(at, at + target.length));
      at += target.length;
    };
    return { read, finish: async () => undefined, close: async () => undefined };
  }
  const attempt = <T>(work: Promise<T>): Promise<T> => work.catch((error) => notReadable(content, error));
  const handle = await attempt(open(diskPath(content.path), OPEN_FLAGS));
  try {
    checkStamp(content, await attempt(handle.stat({ bigint: true })));
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    async read(target) {
      for (let done = 0; done < target.length; ) {
        const { bytesRead } = await attempt(handle.read(target, done, target.length - done, content.offset + at));
        if (bytesRead === 0) shrunk(content, size, at);
        done += bytesRead;
        at += bytesRead;
      }
    },
    async finish() {
      if (!content.stamp) return;
      const { bytesRead } = await attempt(handle.read(Buffer.alloc(1), 0, 1, content.offset + size));
      if (bytesRead > 0) grown(content, size);
      checkStamp(content, await attempt(handle.stat({ bigint: true })));
    },
    close: () => handle.close(),
  };
}

/**
 * The bytes of a small file ({@link SMALL_FILE}) at once.
 * @throws as {@link readContent} does
 */
export function readContentSync(node: ContentNode): Buffer {
  const { content, size } = node;
  if (content.kind === 'bytes')
    return Buffer.from(content.bytes.buffer, content.bytes.byteOffset, content.bytes.length);
  const bytes = Buffer.allocUnsafe(size + 1);
  readContentInto(node, bytes, 0);
  return bytes.subarray(0, size);
}

/**
 * Reads a small file into a buffer, which must have a byte to spare behind it: whether there are more bytes is found by asking for one more.
 * One look at the file is enough, after it was read: a change before that has set its ctime, too.
 * @throws as {@link readContent} does
 */
export function readContentInto({ content, size }: ContentNode, target: Buffer, start: number): void {
  if (content.kind === 'bytes') {
    target.set(content.bytes, start);
    return;
  }
  let fd: number | undefined;
  try {
    fd = openSync(diskPath(content.path), OPEN_FLAGS);
    const wanted = content.stamp ? size + 1 : size;
    let at = 0;
    while (at < wanted) {
      const count = readSync(fd, target, start + at, wanted - at, content.offset + at);
      at += count;
      if (count === 0 || at === size) break; // less than was asked for: the end of the file
    }
    if (content.stamp) checkStamp(content, fstatSync(fd, { bigint: true }));
    if (at < size) shrunk(content, size, at);
    if (at > size) grown(content, size);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    notReadable(content, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * The bytes of a file of any size in pieces of at most 1 MiB, all in one buffer, which the next piece overwrites.
 * @throws as {@link readContent} does
 */
export function* readPiecesSync({ content, size }: ContentNode): Generator<Uint8Array, void> {
  if (content.kind === 'bytes') {
    yield content.bytes;
    return;
  }
  const piece = Buffer.allocUnsafe(Math.min(CHUNK, size + 1));
  const fd = attemptSync(content, () => openSync(diskPath(content.path), OPEN_FLAGS));
  try {
    const wanted = content.stamp ? size + 1 : size;
    let at = 0;
    while (at < wanted) {
      const length = Math.min(piece.length, wanted - at);
      const count = attemptSync(content, () => readSync(fd, piece, 0, length, content.offset + at));
      if (count === 0) break;
      at += count;
      if (at > size) break;
      yield piece.subarray(0, count);
    }
    if (content.stamp) checkStamp(content, fstatSync(fd, { bigint: true }));
    if (at < size) shrunk(content, size, at);
    if (at > size) grown(content, size);
  } finally {
    closeSync(fd);
  }
}

function attemptSync<T>(content: BytesOnDisk, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return notReadable(content, error);
  }
}

/** Names that are no UTF-8 are carried as text.ts says. */
function diskPath(path: string): string | Buffer {
  return hasRawBytes(path) ? encodeText(path) : path;
}

function checkStamp({ stamp, label }: BytesOnDisk, now: FileState): void {
  if (!stamp || isStampOf(stamp, now)) return;
  const was = stateOf(stamp);
  if (now.dev !== was.dev || now.ino !== was.ino) changed(label, 'another file has taken its place');
  if (now.size !== was.size) changed(label, `it had ${was.size} bytes, and now has ${now.size}`);
  if (now.mtimeNs !== was.mtimeNs) changed(label, 'it was written to');
  changed(label, 'its metadata changed');
}

function shrunk({ label }: BytesOnDisk, size: number, at: number): never {
  changed(label, `it had ${size} bytes, and now ends after ${at}`);
}

function grown({ label }: BytesOnDisk, size: number): never {
  changed(label, `it had ${size} bytes, and now has more`);
}

function changed(label: string, how: string): never {
  fail({
    code: 'FileChanged',
    message: `${label} changed while the build read it: ${how}`,
    hint: 'build again once nothing writes to the context any more',
  });
}

function notReadable({ label }: BytesOnDisk, error: unknown): never {
  const code = errnoOf(error);
  if (code === 'ELOOP') changed(label, 'it is a symbolic link now');
  if (code === undefined) throw error;
  const hint =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'it was there when the context was listed: build again once nothing changes the context any more'
      : 'make it readable, or keep it out of the build with a line in .dockerignore';
  fail({ code: 'FileNotReadable', message: `cannot read ${label}: ${describeErrno(error)}`, hint }, error);
}
