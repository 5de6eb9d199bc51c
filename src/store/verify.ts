import { rm, stat } from 'node:fs/promises';
import { BuildError, errnoOf } from '../diagnostic/build-error.js';
import type { Digest } from '../util/digest.js';
import type { BlobStore } from './blobs.js';
import { requireStore } from './prune.js';
import { readUsage } from './usage.js';

export interface VerifyResult {
  /** Blobs whose bytes were checked, and those bytes. */
  readonly checked: number;
  readonly bytes: number;
  /** Blobs that were damaged, and are removed. */
  readonly damaged: readonly Digest[];
  /** Blobs that could not be read for reasons that are not theirs (permissions): they are left alone. */
  readonly unreadable: readonly Digest[];
  /** Records of layers that have no whole blob any more: the next build that needs them writes them. */
  readonly forgotten: number;
  /** Named images that lack a blob; building them again mends them. */
  readonly broken: readonly string[];
}

/** `gone`: not there, or not there any more: pruning may run meanwhile. */
type State = 'whole' | 'damaged' | 'gone' | 'unreadable';

const isLost = (state: State) => state === 'damaged' || state === 'gone';

/** What says nothing about the bytes. */
const NOT_THE_BLOB = ['EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ENOMEM'];

/**
 * Checks every blob against its digest, and removes the damaged ones with the records that lead to them. Builds may run meanwhile.
 * @throws BuildError `StoreNotWritable` when the folder is no store, or its index is of another version
 */
export async function verifyStore(store: BlobStore): Promise<VerifyResult> {
  await requireStore(store.folder);
  const { blobs, records, images } = await readUsage(store);
  const states = new Map<Digest, State>();
  const check = async (digest: Digest): Promise<State> => {
    const state = states.get(digest) ?? (await stateOf(store, digest));
    states.set(digest, state);
    return state;
  };
  for (const { digest } of blobs) await check(digest);
  let forgotten = 0;
  for (const { file, record } of records) {
    if (!isLost(await check(record.digest))) continue;
    const removed = await rm(file).then(
      () => true,
      () => false, // pruned meanwhile, or not ours to remove
    );
    if (removed) forgotten++;
  }
  const broken: string[] = [];
  for (const [name, needed] of images) {
    let whole = true;
    for (const digest of needed) whole = !isLost(await check(digest)) && whole;
    if (!whole) broken.push(name);
  }
  const all = (state: State) => blobs.filter(({ digest }) => states.get(digest) === state).map(({ digest }) => digest);
  return {
    checked: blobs.length,
    bytes: blobs.reduce((sum, b) => sum + b.size, 0),
    damaged: all('damaged'),
    unreadable: all('unreadable'),
    forgotten,
    broken,
  };
}

/** Reads a blob, and removes it when it is damaged: unless a build has put a new one in its place meanwhile. */
async function stateOf(store: BlobStore, digest: Digest): Promise<State> {
  const inode = async () => (await stat(store.path(digest), { bigint: true }).catch(() => undefined))?.ino;
  const before = await inode();
  try {
    for await (const _ of store.read(digest));
    return 'whole';
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    if (NOT_THE_BLOB.includes(errnoOf(error.cause) ?? '')) return 'unreadable';
    const now = await inode();
    if (now === undefined) return 'gone';
    if (now !== before) return stateOf(store, digest);
    await store.remove(digest);
    return 'damaged';
  }
}
