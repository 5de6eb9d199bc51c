/** The files of an archive by name, without unpacking it: one pass finds where each lies. */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { writeAll } from '../util/atomic-write.js';
import { DigestStream } from '../util/digest.js';
import { describeTarError, readTar } from '../util/read-tar.js';
import { compressionOf, invalidImage, unpacked } from './blob-bytes.js';
import type { ArchiveFile } from './image.js';

/** Files that can be read by name: those of an archive, or of a folder. */
export interface NamedFiles {
  has(name: string): boolean;
  /** Bytes; undefined when there is no such file. */
  size(name: string): number | undefined;
  read(name: string): AsyncIterable<Uint8Array>;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

const CHUNK = 1024 * 1024;
/** Links lead to links at most this often. */
const MAX_LINKS = 10;

/** An archive that is open. */
export class ArchiveFiles implements NamedFiles {
  readonly #handle: FileHandle;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #links: ReadonlyMap<string, string>;

  private constructor(
    handle: FileHandle,
    places: ReadonlyMap<string, Place>,
    links: ReadonlyMap<string, string>,
    /** undefined where the file was compressed: its bytes say nothing then. */
    readonly file: ArchiveFile | undefined,
  ) {
    this.#handle = handle;
    this.#places = places;
    this.#links = links;
  }

  /**
   * Opens an archive; a compressed one is unpacked into the scratch folder first.
   * @throws BuildError `InvalidImage` when it is no archive; a system error when it cannot be read
   */
  static async open(file: string, scratch: () => string): Promise<ArchiveFiles> {
    const first = Buffer.alloc(4);
    const given = await open(file);
    await given.read(first, 0, 4, 0).finally(() => given.close());
    const plain = compressionOf(first) === 'none';
    const at = plain ? file : path.join(scratch(), `archive-${randomBytes(6).toString('hex')}`);
    if (!plain) await unpackTo(at, createReadStream(file), file);
    const hash = new DigestStream();
    const places = new Map<string, Place>();
    const links = new Map<string, string>();
    try {
      for await (const entry of readTar(hashing(createReadStream(at, { highWaterMark: CHUNK }), hash))) {
        const name = cleanName(entry.path);
        if (entry.type === 'file' || entry.type === 'contiguous-file')
          places.set(name, { offset: entry.offset, size: entry.size });
        else if (entry.type === 'symlink')
          links.set(name, path.posix.join(path.posix.dirname(name), entry.linkname ?? ''));
        else if (entry.type === 'link') links.set(name, cleanName(entry.linkname ?? ''));
      }
    } catch (error) {
      if (!(error instanceof Error) || 'errno' in error) throw error;
      invalidImage(`${file} is no image: ${describeTarError(error)}`, error, 'an archive is a tar, plain or gzip');
    }
    const archive = plain ? { path: file, digest: hash.digest(), size: hash.size } : undefined;
    return new ArchiveFiles(await open(at), places, links, archive);
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  size(name: string): number | undefined {
    return this.#find(name)?.size;
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void> {
    const { offset, size } = this.#find(name)!;
    for (let at = 0; at < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - at));
      const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, offset + at);
      if (bytesRead === 0) return; // its digest tells
      at += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #find(name: string): Place | undefined {
    let at = cleanName(name);
    for (let i = 0; i < MAX_LINKS && this.#links.has(at); i++) at = this.#links.get(at)!;
    return this.#places.get(at);
  }
}

async function* hashing(bytes: AsyncIterable<Uint8Array>, hash: DigestStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

async function unpackTo(to: string, from: AsyncIterable<Uint8Array>, label: string): Promise<void> {
  const handle = await open(to, 'wx', 0o600);
  try {
    for await (const chunk of unpacked(from, label)) await writeAll(handle, chunk);
  } finally {
    await handle.close();
  }
}

/** `./a/`, `/a` and `a` are one name. */
export function cleanName(name: string): string {
  return path.posix.normalize(`/${name}`).replace(/\/$/, '').slice(1);
}
