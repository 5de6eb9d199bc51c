/**
 * Pruning: mark and sweep.
 *
 * 1. Records that are too old go; then, oldest first, as many as it takes to come below the size.
 * 2. Blobs that neither a record that is left nor an image of the index refers to go, unless they are so young that a build which runs now may
 *    have written or found them: younger than an hour, or with `all`, than the oldest build that runs.
 * 3. What builds that died left behind goes, and what is known of the pieces of blobs that are gone.
 *
 * A build that loses a blob all the same finds out when it exports, and makes it again (build.ts): pruning can cost time, never bytes.
 * Nothing is touched in a folder that is no store. Ages are taken either way: a time in the far future was written by a clock that was wrong.
 */
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../diagnostic/build-error.js';
import { removeTree } from '../util/atomic-write.js';
import type { Digest } from '../util/digest.js';
import type { BlobStore } from './blobs.js';
import { buildFolders, isStore } from './open-store.js';
import { orphanedIndexFiles } from './piece-index.js';
import { TEMPORARY_NAME } from './store-files.js';
import { readImages, readUsage, type StoreUsage } from './usage.js';

export interface PruneOptions {
  /** Records that were not used for so long go. */
  readonly olderThanMs?: number;
  /** Bytes that blobs may have. */
  readonly maxSize?: number;
  /** Every record goes, and every blob that no image needs, however young. */
  readonly all?: boolean;
  /** The clock, in milliseconds. */
  readonly now: number;
}

export interface PruneResult {
  readonly records: number;
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
  readonly bytes: number;
}

/** A blob this young may belong to a build that runs. */
const GRACE_MS = 60 * 60 * 1000;
const LEFTOVER_MS = 24 * 60 * 60 * 1000;
/** Disks keep times by a clock that is a little behind. */
const CLOCK_SLACK_MS = 2000;

/**
 * Removes what the options say, and what nothing refers to.
 * @throws BuildError `StoreNotWritable` when the folder is no store, or its index is of another version: nothing is removed then
 */
export async function pruneStore(store: BlobStore, options: PruneOptions): Promise<PruneResult> {
  await requireStore(store.folder);
  const usage = await readUsage(store);
  const doomed = chooseRecords(usage, options);
  for (const file of doomed) {
    await rm(file, { force: true });
    await rmdir(path.dirname(file)).catch(() => undefined); // the shape, when this was its last record
  }
  const kept = new Set(usage.records.filter((r) => !doomed.has(r.file)).map((r) => r.record.digest));
  // once more, since an image may have got its name meanwhile
  for (const images of [usage.images, await readImages(store)])
    for (const needed of images.values()) for (const digest of needed) kept.add(digest);
  const orphaned = new Set(usage.records.filter((r) => doomed.has(r.file)).map((r) => r.record.digest));
  const running = await oldestBuild(store.folder);
  const removed: { digest: Digest; size: number }[] = [];
  for (const { digest, size } of usage.blobs) {
    if (kept.has(digest)) continue;
    const found = await stat(store.path(digest)).catch(() => undefined); // now: a build may have found it meanwhile
    if (!found || found.mtimeMs >= running - CLOCK_SLACK_MS) continue;
    // what only records held that are too old is as old as they are, whatever the time of the blob says
    const grace = options.all || orphaned.has(digest) ? 0 : GRACE_MS;
    if (Math.abs(options.now - found.mtimeMs) < grace) continue;
    await store.remove(digest);
    removed.push({ digest, size });
  }
  await removeLeftovers(store, options);
  return { records: doomed.size, blobs: removed, bytes: removed.reduce((sum, b) => sum + b.size, 0) };
}

/** @throws BuildError `StoreNotWritable` for a folder that builds never used: it may be somebody's data */
export async function requireStore(folder: string): Promise<void> {
  if (await isStore(folder)) return;
  fail({
    code: 'StoreNotWritable',
    message: `${folder} is no cache of wbuild that this version knows`,
    hint: 'name the cache with --cache-dir or WBUILD_CACHE_DIR',
  });
}

/** When the oldest build began that may still run, in milliseconds; Infinity when none does. */
async function oldestBuild(folder: string): Promise<number> {
  const running = (await buildFolders(folder)).filter(({ alive }) => alive !== false);
  return Math.min(Number.POSITIVE_INFINITY, ...running.map(({ started }) => started));
}

function chooseRecords({ records, blobs, images }: StoreUsage, options: PruneOptions): Set<string> {
  const doomed = new Set<string>();
  const ageOf = (lastUse: Date) => Math.abs(options.now - lastUse.getTime());
  const oldest = [...records].sort((a, b) => ageOf(b.lastUse) - ageOf(a.lastUse) || (a.file < b.file ? -1 : 1));
  for (const { file, lastUse } of oldest) {
    if (options.all || (options.olderThanMs !== undefined && ageOf(lastUse) > options.olderThanMs)) doomed.add(file);
  }
  if (options.maxSize === undefined) return doomed;
  const sizes = new Map(blobs.map((b) => [b.digest, b.size]));
  const users = new Map<Digest, number>();
  for (const { file, record } of records)
    if (!doomed.has(file)) users.set(record.digest, (users.get(record.digest) ?? 0) + 1);
  const named = new Set([...images.values()].flatMap((set) => [...set]));
  let size = [...sizes].reduce(
    (sum, [digest, bytes]) => (users.has(digest) || named.has(digest) ? sum + bytes : sum),
    0,
  );
  for (const { file, record } of oldest) {
    if (size <= options.maxSize) break;
    if (doomed.has(file)) continue;
    doomed.add(file);
    const left = users.get(record.digest)! - 1;
    users.set(record.digest, left);
    if (left === 0 && !named.has(record.digest)) size -= sizes.get(record.digest) ?? 0;
  }
  return doomed;
}

/** Folders of builds and temporary files of processes that died; what is remembered of contexts that are not built any more. */
async function removeLeftovers(store: BlobStore, { now, all }: PruneOptions): Promise<void> {
  const { folder } = store;
  const old = ({ mtimeMs }: { mtimeMs: number }) => Math.abs(now - mtimeMs) > LEFTOVER_MS;
  for (const build of await buildFolders(folder)) {
    if (build.alive === false || (build.alive === undefined && old({ mtimeMs: build.started }))) removeTree(build.path);
  }
  const files = async (area: string, name: RegExp) =>
    (await readdir(path.join(folder, area)).catch(() => []))
      .filter((found) => name.test(found))
      .map((found) => path.join(folder, area, found));
  for (const file of await files('tmp', TEMPORARY_NAME)) {
    const found = await stat(file).catch(() => undefined);
    if (found && old(found)) await rm(file, { force: true });
  }
  for (const file of await orphanedIndexFiles(store)) await rm(file, { force: true });
  if (all) for (const file of await files('stat/v3', /^[0-9a-f]{64}$/)) await rm(file, { force: true });
}
