/**
 * The SHA-256 of file contents, each taken at most once in a build and, by way of the stat cache, at most once in a file's life.
 */

import type { Content } from '../snapshot/content.js';
import type { FileNode } from '../snapshot/file-tree.js';
import { type Digest, DigestStream, sha256 } from '../util/digest.js';
import { readContent, readContentSync, readPiecesSync, SMALL_FILE } from '../util/file-content.js';
import type { StatCache } from './stat-cache.js';

/** What a build read and did not read, for those who want to know that a cache works. */
export interface ContentCounters {
  /** Files whose bytes were read to hash them, without writing them. */
  hashedFiles: number;
  hashedBytes: number;
}

export class ContentDigests {
  readonly #cache: StatCache | undefined;
  readonly #clock: () => bigint;
  /** By content object: names of one inode share it, and so do copies of a node. */
  readonly #known = new Map<Content, Digest>();
  readonly counters: ContentCounters = { hashedFiles: 0, hashedBytes: 0 };

  /** @param clock nanoseconds since 1970; only the stat cache sees it, nothing of it reaches an output */
  constructor(cache: StatCache | undefined, clock: () => bigint) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** The digest if it is known without reading. */
  lookup({ content }: FileNode): Digest | undefined {
    if (content.kind === 'bytes') return content.digest;
    return this.#known.get(content) ?? (content.stamp && this.#cache?.lookup(content.stamp));
  }

  /** The digest if it was taken so long after the last change that the file cannot have changed since without a trace (stat-cache.ts). */
  settled({ content }: FileNode): Digest | undefined {
    return content.kind === 'file' && content.stamp ? this.#cache?.lookup(content.stamp) : undefined;
  }

  /** The digest, taken now if it is not known. @throws BuildError `FileChanged`, `FileNotReadable` */
  async digest(file: FileNode): Promise<Digest> {
    const known = this.lookup(file);
    if (known) return known;
    const started = this.#clock();
    this.count({ files: 1, bytes: file.size });
    if (file.size <= SMALL_FILE) return this.remember(file, sha256(readContentSync(file)), started);
    const hash = new DigestStream();
    for await (const chunk of readContent(file)) hash.update(chunk);
    return this.remember(file, hash.digest(), started);
  }

  /** Whether two files of one size have the same bytes. */
  same = (a: FileNode, b: FileNode): boolean => {
    if (a.content === b.content) return true;
    return this.#digestSync(a) === this.#digestSync(b);
  };

  /** Keeps a digest that was taken while the file was read for another purpose; `started`: the clock before that. */
  remember(file: FileNode, digest: Digest, started: bigint): Digest {
    const { content } = file;
    if (content.kind === 'file') {
      this.#known.set(content, digest);
      if (content.stamp) this.#cache?.remember(content.stamp, digest, started);
    }
    return digest;
  }

  now(): bigint {
    return this.#clock();
  }

  /** In pieces that are read one by one, so that memory stays flat. */
  #digestSync(file: FileNode): Digest {
    const known = this.lookup(file);
    if (known) return known;
    const started = this.#clock();
    this.count({ files: 1, bytes: file.size });
    const hash = new DigestStream();
    for (const piece of readPiecesSync(file)) hash.update(piece);
    return this.remember(file, hash.digest(), started);
  }

  /** Counts what was hashed and not written. */
  count({ files, bytes }: { readonly files: number; readonly bytes: number }): void {
    this.counters.hashedFiles += files;
    this.counters.hashedBytes += bytes;
  }
}
