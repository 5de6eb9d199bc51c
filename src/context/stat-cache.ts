/**
 * Content digests of files on disk, remembered by their stamp: device, inode, size, mtime, ctime.
 *
 * Covers every way to change a file's bytes by system calls, since each sets ctime. What it cannot see:
 *
 * - A change within the clock's grain of the moment of hashing. So a digest is trusted only when mtime and ctime were well in the past when it was
 *   taken (git's "racily clean" rule); a clock that was set back makes files look new, which costs hashing and nothing else.
 * - Another file system in the place of this one, whose files have the same numbers and times; a file system without ctimes. So nothing is
 *   remembered of those where that happens (change-times.ts).
 * - Writing through a mapping (mmap) that was open, and written to, before the file was hashed: Linux sets the times of a page that is already
 *   dirty no second time, and on tmpfs only once. Nothing that a program can ask for shows it, so it is told to users (docs/cache.md).
 *
 * Left out: the path, so that a renamed or moved file is still known.
 *
 * A file of the cache has a digest of its own in front: one that is torn or flipped is no cache at all. What was not asked for in a week is
 * forgotten, as are older states of an inode, so that two targets of one context keep theirs and none grows for ever.
 *
 * The file is that digest (32 bytes) and then, for each state, its key (five numbers of 8 bytes), the day it was last asked for (4 bytes) and
 * the digest (32 bytes): as little to read and to make objects of as can be, since a build that changes nothing does little else.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { keepNewest, type StoreWriteOptions, writeStoreFile } from '../store/store-files.js';
import { type Digest, hexOf, sha256 } from '../util/digest.js';
import { isOlderThan, STAMP_BYTES, type Stamp, stateOf } from '../util/stamp.js';
import { changeTimes } from './change-times.js';

/** File systems keep times in grains of up to two seconds (FAT); anything younger than that may still change unseen. */
const GRAIN_NS = 2_000_000_000n;

/** Part of the path: another version neither reads nor harms it. */
const VERSION = 'v3';

const NS_PER_DAY = 86_400_000_000_000n;
/** Days that a digest is kept without being asked for. */
const KEEP_DAYS = 7;
/** Digests that are kept at most beyond those that the build asked for, the latest first. */
const MAX_IDLE = 200_000;
/** Contexts that are remembered; CI may build each time in a folder of a new name. */
const MAX_CONTEXTS = 64;

export interface StatCacheOptions extends StoreWriteOptions {
  /** false: knows nothing, and learns all the same (--no-cache). */
  readonly lookup?: boolean;
  /** Whether the ctimes of a device tell every change; default: what the mounts of this process say. */
  readonly tellsChanges?: (device: bigint) => boolean;
}

/** Lengths of the parts of an entry. */
const KEY = STAMP_BYTES;
const DAY = 4;
const DIGEST = 32;
const ENTRY = KEY + DAY + DIGEST;

/** What is in the file. */
class KnownStates {
  readonly bytes: Buffer;
  #next = 0;
  #index: Map<string, number> | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /**
   * Where the entry of a key begins. A build asks in the order in which the last one wrote them down, so the next entry is looked at first, and
   * where nothing changed no index is made.
   */
  find(stamp: Stamp): number | undefined {
    if (this.bytes.length === 0) return undefined;
    const next = this.#next;
    if (next < this.bytes.length && this.#isAt(next, stamp)) {
      this.#next = next + ENTRY;
      return next;
    }
    this.#index ??= this.#makeIndex();
    const at = this.#index.get(keyOf(stamp));
    if (at !== undefined) this.#next = at + ENTRY;
    return at;
  }

  keyAt(at: number): string {
    return this.bytes.toString('latin1', at, at + KEY);
  }

  dayAt(at: number): number {
    return this.bytes.readInt32LE(at + KEY);
  }

  #isAt(at: number, stamp: Stamp): boolean {
    const from = 8 * stamp.at;
    return this.bytes.compare(stamp.table.bytes, from, from + KEY, at, at + KEY) === 0;
  }

  #makeIndex(): Map<string, number> {
    const index = new Map<string, number>();
    for (let at = 0; at < this.bytes.length; at += ENTRY) index.set(this.keyAt(at), at);
    return index;
  }
}

/** Digests of one context, loaded when first asked, written back when something was learnt. */
export class StatCache {
  readonly #store: string;
  readonly #file: string;
  readonly #options: StatCacheOptions;
  readonly #tellsChanges: (device: bigint) => boolean;
  #known: KnownStates | undefined;
  readonly #fresh = new Map<string, string>();
  /** Entries of what is known that were asked for, by where they begin. */
  readonly #used = new Set<number>();

  /** @param store the folder of the store; @param root the real path of the context: each has a file of its own */
  constructor(store: string, root: string, options: StatCacheOptions = {}) {
    this.#store = store;
    this.#options = options;
    this.#tellsChanges = options.tellsChanges ?? changeTimes();
    this.#file = path.join(store, 'stat', VERSION, hexOf(sha256(root)));
  }

  /** The digest of a file's bytes, if it was taken when the file was as it is now. */
  lookup(stamp: Stamp): Digest | undefined {
    const fresh = this.#fresh.size > 0 ? this.#fresh.get(keyOf(stamp)) : undefined;
    if (fresh !== undefined) return `sha256:${fresh}` as Digest;
    if (this.#options.lookup === false) return undefined;
    this.#known ??= load(this.#file);
    const at = this.#known.find(stamp);
    if (at === undefined) return undefined;
    this.#used.add(at);
    return `sha256:${this.#known.bytes.toString('hex', at + KEY + DAY, at + ENTRY)}` as Digest;
  }

  /** Remembers a digest that was taken of a file which had this stamp before and after; `startedNs`: the clock before it was read. */
  remember(stamp: Stamp, digest: Digest, startedNs: bigint): void {
    if (!isOlderThan(stamp, startedNs - GRAIN_NS) || !this.#tellsChanges(stateOf(stamp).dev)) return;
    this.#fresh.set(keyOf(stamp), hexOf(digest));
  }

  /** Writes what was learnt, if anything, and once a day what was asked for; a failure is no matter. @param nowNs the clock */
  async save(nowNs: bigint): Promise<void> {
    const today = Number(nowNs / NS_PER_DAY);
    const known = this.#known;
    const stale = known !== undefined && [...this.#used].some((at) => known.dayAt(at) !== today);
    if (this.#fresh.size === 0 && !stale) return;
    try {
      const body = this.#entries(known ?? load(this.#file), today);
      const bytes = Buffer.concat([Buffer.from(hexOf(sha256(body)), 'hex'), body]);
      await writeStoreFile(this.#store, this.#file, bytes, { onStep: this.#options.onStep });
      keepNewest(path.dirname(this.#file), MAX_CONTEXTS);
    } catch {
      // hashing again next time
    }
  }

  /** Those of this build first, so that what is cut off is what was not asked for in the longest time. */
  #entries(known: KnownStates, today: number): Buffer {
    const body = Buffer.allocUnsafe(this.#fresh.size * ENTRY + known.bytes.length);
    let length = 0;
    const inodes = new Set<string>();
    for (const [key, hex] of this.#fresh) {
      body.write(key, length, 'latin1');
      body.writeInt32LE(today, length + KEY);
      body.write(hex, length + KEY + DAY, 'hex');
      length += ENTRY;
      if (known.bytes.length > 0) inodes.add(inodeOf(key));
    }
    const keep = (at: number, day: number) => {
      known.bytes.copy(body, length, at, at + ENTRY);
      body.writeInt32LE(day, length + KEY);
      length += ENTRY;
    };
    for (const at of this.#used) if (!this.#fresh.has(known.keyAt(at))) keep(at, today);
    const own = length;
    for (let at = 0; at < known.bytes.length; at += ENTRY) {
      const key = known.keyAt(at);
      if (this.#used.has(at) || this.#fresh.has(key) || inodes.has(inodeOf(key))) continue;
      const day = known.dayAt(at);
      if (Math.abs(today - day) > KEEP_DAYS) continue; // either way: the clock may have been wrong then or now
      if (length - own >= MAX_IDLE * ENTRY) break;
      keep(at, day);
    }
    return body.subarray(0, length);
  }
}

/** The bytes of a stamp, as a string. In the byte order of this machine: a store is for one machine, and another one finds nothing. */
function keyOf({ table, at }: Stamp): string {
  return table.bytes.toString('latin1', 8 * at, 8 * at + KEY);
}

/** Device and inode of a key. */
function inodeOf(key: string): string {
  return key.slice(0, 16);
}

function load(file: string): KnownStates {
  const nothing = new KnownStates(Buffer.alloc(0));
  let all: Buffer;
  try {
    all = readFileSync(file);
  } catch {
    return nothing;
  }
  const bytes = all.subarray(DIGEST);
  const whole = hexOf(sha256(bytes)) === all.toString('hex', 0, DIGEST) && bytes.length % ENTRY === 0;
  return whole ? new KnownStates(bytes) : nothing;
}
