/**
 * Blobs by digest in a folder that is an OCI image layout, so that any OCI tool can read the store.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * A blob is in the store when its file exists, and its bytes are checked whenever they are read. That is why no blob is
 * synced to the disk: what a power cut tears is found by its digest, and made again.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { open, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { type OnStep, TemporaryFile } from '../util/atomic-write.js';
import { coalesce } from '../util/chunks.js';
import { type Digest, DigestStream, hexOf } from '../util/digest.js';
import { type FileState, isStampOf, type Stamp, stampOf } from '../util/stamp.js';
import { ImageIndex } from './image-index.js';
import { makeWay, type StoreWriteOptions, temporaryIn, writeStoreFile } from './store-files.js';

/** Reads blobs by digest. Bytes are checked against the digest while they stream: a damaged blob is an error, never output. */
export interface ContentReader {
  /**
   * The bytes of a blob in chunks.
   * @throws BuildError `DamagedBlob` when the blob is missing, or at its end when the bytes are not those of the digest.
   */
  read(digest: Digest): AsyncIterable<Uint8Array>;
}

/** What a blob is called, and its bytes in number. */
export interface BlobInfo {
  readonly digest: Digest;
  readonly size: number;
}

/** Reads and keeps blobs by digest: what a backend implements, a folder today and a registry one day (test/store-contract.ts says what it must do). */
export interface ContentStore extends ContentReader {
  /** Whether the blob is there; its bytes are judged when they are read. */
  has(digest: Digest): Promise<boolean>;
  /** Whether the blob is there with this size; marks it as used now, so that pruning leaves it. */
  touch(digest: Digest, size: number): Promise<boolean>;
  /**
   * Adds a blob, whole or not at all; one that is there is healed by it.
   * @throws BuildError `StoreNotWritable`; what making the bytes throws passes through
   */
  write(data: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobInfo>;
  /** Removes a blob, there or not. */
  remove(digest: Digest): Promise<void>;
}

/** Who hashes a blob that is written, and who hears when its memory is free. */
export interface BlobWriteOptions {
  /** In place of this thread. */
  readonly hash?: { update(bytes: Uint8Array): void; digest(): Digest | Promise<Digest> };
  /** Hears of chunks whose bytes are in the file, so that their memory may be used again. */
  readonly written?: (chunk: Uint8Array) => void;
}

const CHUNK = 1024 * 1024;
const LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

/** A store of blobs. Creating one touches nothing: the folder is made by the first write. */
export class BlobStore implements ContentStore {
  readonly folder: string;
  readonly #onStep: OnStep | undefined;
  #layout: Promise<void> | undefined;
  /** What this object wrote, and the stamps that the files had then. */
  readonly #written = new Map<Digest, Stamp>();

  constructor(folder: string, options: StoreWriteOptions = {}) {
    this.folder = folder;
    this.#onStep = options.onStep;
  }

  /** Where the bytes of a blob lie, there or not. */
  path(digest: Digest): string {
    return path.join(this.folder, 'blobs', 'sha256', hexOf(digest));
  }

  /** Whether the blob is there; its bytes are judged when they are read. */
  async has(digest: Digest): Promise<boolean> {
    const found = await stat(this.path(digest)).catch(() => undefined);
    return found?.isFile() ?? false;
  }

  /** Whether the blob is there with this size; marks it as used now, so that pruning leaves it. */
  async touch(digest: Digest, size: number): Promise<boolean> {
    const found = await stat(this.path(digest)).catch(() => undefined);
    if (!found?.isFile() || found.size !== size) return false;
    const now = new Date();
    await utimes(this.path(digest), now, now).catch(() => undefined); // a read-only store goes without
    return true;
  }

  /** Whether the blob has the bytes that its digest says: reads all of it. */
  async isWhole(digest: Digest): Promise<boolean> {
    try {
      for await (const _ of this.#read(digest, new DigestStream()));
      return true;
    } catch (error) {
      if (error instanceof BuildError && error.diagnostics[0]?.code === 'DamagedBlob') return false;
      throw error;
    }
  }

  /** Removes a blob, there or not. */
  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { recursive: true, force: true }).catch(() => undefined);
  }

  /**
   * The bytes of a blob in chunks of at most 1 MiB. They are hashed again, unless this object wrote them and nothing has touched the file since:
   * then it is the inode that was written, with the ctime of that moment, which any change through the file system would have moved.
   * @throws BuildError `DamagedBlob` when it is missing or unreadable, or at its end when the bytes are not those of the digest
   */
  async *read(digest: Digest): AsyncGenerator<Uint8Array, void> {
    const written = this.#written.get(digest);
    const now = written && (await stateOf(this.path(digest)));
    const untouched = now !== undefined && isStampOf(written!, now);
    yield* this.#read(digest, untouched ? undefined : new DigestStream());
  }

  async *#read(digest: Digest, hash: DigestStream | undefined): AsyncGenerator<Uint8Array, void> {
    const handle = await open(this.path(digest)).catch((error) => damaged(digest, whyUnreadable(error), error));
    const readNext = () => {
      const next = handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
      next.catch(() => undefined); // heard when it is awaited
      return next;
    };
    let reading = readNext(); // one chunk ahead of what is being hashed and written
    try {
      for (;;) {
        const { bytesRead, buffer } = await reading.catch((error) => damaged(digest, whyUnreadable(error), error));
        if (bytesRead === 0) break;
        reading = readNext();
        const bytes = buffer.subarray(0, bytesRead);
        hash?.update(bytes);
        yield bytes;
      }
      const actual = hash?.digest() ?? digest;
      if (actual !== digest) damaged(digest, `its ${hash?.size} bytes have the digest ${actual}`);
    } finally {
      await reading.catch(() => undefined);
      await handle.close();
    }
  }

  /**
   * Adds a blob. It gets its name when it is whole, so that any number of writers of one blob do no harm, and a damaged blob is healed.
   * @param data bytes, or chunks as they are made; an error that making them throws passes through, and nothing stays
   * @throws BuildError `StoreNotWritable` when the disk is full, the folder is read-only …
   */
  async write(
    data: Uint8Array | AsyncIterable<Uint8Array>,
    { hash = new DigestStream(), written }: BlobWriteOptions = {},
  ): Promise<BlobInfo> {
    const layout = this.#prepare();
    const options = { mode: 0o444, ...(this.#onStep && { onStep: this.#onStep }) };
    const file = await this.#attempt(() => TemporaryFile.create(temporaryIn(this.folder), options));
    let size = 0;
    let last: Uint8Array | undefined;
    try {
      for await (const chunk of data instanceof Uint8Array ? [data] : coalesce(data)) {
        hash.update(chunk);
        size += chunk.length;
        await this.#attempt(() => file.write(chunk));
        if (last) written?.(last);
        last = chunk;
      }
      const digest = await hash.digest();
      await layout;
      await this.#attempt(async () => {
        makeWay(this.path(digest));
        await file.moveTo(this.path(digest));
      });
      const state = await stateOf(this.path(digest));
      if (state) this.#written.set(digest, stampOf(state));
      return { digest, size };
    } catch (error) {
      await layout.catch(() => undefined); // nothing goes on behind an error
      await file.discard();
      throw error;
    }
  }

  /** Makes the folders, and the files that make them an image layout, which come while the first blob is written. */
  #prepare(): Promise<void> {
    this.#layout ??= this.#attempt(async () => {
      mkdirSync(path.join(this.folder, 'blobs', 'sha256'), { recursive: true });
      mkdirSync(path.join(this.folder, 'tmp'), { recursive: true });
      const options = { onStep: this.#onStep };
      const layout = path.join(this.folder, 'oci-layout');
      if (!existsSync(layout)) await writeStoreFile(this.folder, layout, Buffer.from(LAYOUT), options);
      await new ImageIndex(this.folder, options).create();
    }).catch((error) => {
      this.#layout = undefined; // a later write may try again
      throw error;
    });
    this.#layout.catch(() => undefined); // heard when it is awaited
    return this.#layout;
  }

  /** Puts a system error of the store itself into words. */
  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BuildError || errnoOf(error) === undefined) throw error;
      const full = errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT';
      const message = `cannot write to the cache directory ${this.folder}: ${describeErrno(error)}`;
      const mend = full ? 'free some space' : 'make it writable';
      return fail(
        { code: 'StoreNotWritable', message, hint: `${mend}, or choose another one with --cache-dir` },
        error,
      );
    }
  }
}

/** Which file a path names, and in which state; undefined where there is none. */
function stateOf(file: string): Promise<FileState | undefined> {
  return stat(file, { bigint: true }).catch(() => undefined);
}

function whyUnreadable(error: unknown): string {
  return errnoOf(error) === 'ENOENT' ? 'it is missing' : `it cannot be read: ${describeErrno(error)}`;
}

function damaged(digest: Digest, why: string, cause?: unknown): never {
  fail(
    {
      code: 'DamagedBlob',
      message: `the blob ${digest} is damaged: ${why}`,
      hint: 'build again with --no-cache, which writes it anew',
    },
    cause,
  );
}
