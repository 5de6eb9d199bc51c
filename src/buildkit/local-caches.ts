/**
 * `--cache-to type=local,dest=DIR` and `--cache-from type=local,src=DIR` of a build on a daemon: folders of this machine, in the form that
 * BuildKit's other clients write and read (an OCI image layout that lists a cache manifest by a tag). The daemon makes the caches, and reaches the
 * folders through the session. Nothing is ever removed from one: it grows until it is deleted, as BuildKit's do.
 * @see moby/buildkit client/solve.go (parseCacheOptions), client/ociindex
 */
import { lstatSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Report } from '../diagnostic/diagnostic.js';
import { BlobStore } from '../store/blobs.js';
import { ImageIndex } from '../store/image-index.js';
import { type Digest, parseDigest } from '../util/digest.js';
import type { TypedAttrs } from './address.js';
import type { ContentFolder } from './content-service.js';

/** The tag of a cache that none was given for, as with buildx. */
const TAG = 'latest';

/** What a folder of a cache may hold: the layout, locks, and what is half written, of BuildKit's clients and ours. */
const ENTRIES: readonly string[] = [
  'oci-layout',
  'index.json',
  'index.json.lock',
  'index.lock',
  'blobs',
  'ingest',
  'tmp',
];

interface Destination {
  readonly folder: string;
  readonly tag: string;
  readonly blobs: BlobStore;
  /** Whether the folder was there before. */
  readonly existed: boolean;
  /** Blobs that were added, and that no index leads to yet. */
  readonly pending: Set<Digest>;
  listed: boolean;
}

export interface CacheOptions {
  readonly cacheTo: readonly TypedAttrs[];
  readonly cacheFrom: readonly TypedAttrs[];
}

export class LocalCaches {
  /** All caches of the build as the daemon is told of them: folders by labels. */
  readonly told: CacheOptions;
  /** By label. */
  readonly folders: ReadonlyMap<string, ContentFolder>;
  readonly #destinations: readonly Destination[];

  private constructor(
    told: CacheOptions,
    folders: ReadonlyMap<string, ContentFolder>,
    destinations: readonly Destination[],
  ) {
    this.told = told;
    this.folders = folders;
    this.#destinations = destinations;
  }

  /**
   * Looks at the folders; nothing is written yet. One of `cacheFrom` that holds no cache is a warning and no cache, as with buildx.
   * @throws BuildError `OutputNotWritable` for one of `cacheTo` that holds something else
   */
  static async open({ cacheTo, cacheFrom }: CacheOptions, report: Report): Promise<LocalCaches> {
    const folders = new Map<string, ContentFolder>();
    const destinations: Destination[] = [];
    const to = cacheTo.map((cache, i): TypedAttrs => {
      if (cache.type !== 'local') return cache;
      const { dest = '', tag = TAG, ...attrs } = cache.attrs;
      const destination = openDestination(dest, tag);
      const { blobs, pending } = destination;
      destinations.push(destination);
      const label = `cache-to-${i}`;
      const add = async (data: AsyncIterable<Uint8Array>) => {
        const { digest } = await blobs.write(data).catch((error) => notWritable(dest, error));
        pending.add(digest);
      };
      folders.set(label, { blobs, add });
      return { type: 'local', attrs: { ...attrs, dest: label } };
    });
    const from: TypedAttrs[] = [];
    for (const [i, cache] of cacheFrom.entries()) {
      if (cache.type !== 'local') from.push(cache);
      else {
        const { src = '', tag = TAG, digest: given, ...attrs } = cache.attrs;
        const digest = await findManifest(src, given ?? tag, report);
        if (digest === undefined) continue;
        const label = `cache-from-${i}`;
        folders.set(label, { blobs: new BlobStore(src) });
        from.push({ type: 'local', attrs: { ...attrs, src: label, digest } });
      }
    }
    return new LocalCaches({ cacheTo: to, cacheFrom: from }, folders, destinations);
  }

  /**
   * Lists the cache that a solve has written in every folder; a daemon that had nothing to write says none.
   * @param described the descriptor of its manifest, as JSON
   * @throws BuildError `BuilderFailed` for one that is not there; `OutputNotWritable`
   */
  async list(described: string | undefined): Promise<void> {
    if (described === undefined) return;
    for (const destination of this.#destinations) {
      const { folder, blobs, tag, pending } = destination;
      const descriptor = readDescriptor(described);
      if (!descriptor || !(await blobs.has(descriptor.digest)))
        fail({
          code: 'BuilderFailed',
          message: `the builder says that it wrote a cache to ${folder}, and did not`,
          hint: 'give one --cache-to; of several, a builder tells of one alone',
        });
      await new ImageIndex(folder).tag([tag], descriptor).catch((error) => notWritable(folder, error));
      pending.clear();
      destination.listed = true;
    }
  }

  /** Leaves nothing behind that no index leads to. */
  async close(): Promise<void> {
    for (const { folder, blobs, pending, existed, listed } of this.#destinations) {
      for (const digest of pending) await blobs.remove(digest);
      const gone = existed || listed ? path.join(folder, 'tmp') : folder;
      await rm(gone, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function openDestination(folder: string, tag: string): Destination {
  let found: readonly string[] | undefined;
  try {
    found = readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') notWritable(folder, error);
  }
  const hint = 'name an empty folder, or one that --cache-to wrote before on a builder';
  const refuse = (why: string) =>
    fail({ code: 'OutputNotWritable', message: `--cache-to cannot write ${folder}: ${why}`, hint });
  if (found?.includes('records'))
    refuse('it is a cache of builds on this machine, which a builder does not understand');
  const foreign = found?.filter((name) => !ENTRIES.includes(name)).sort()[0];
  if (foreign !== undefined) refuse(`it holds ${foreign}, which is no part of a cache`);
  // a daemon fills the folder, and must not be led out of it
  for (const name of ['blobs', 'blobs/sha256', 'tmp']) {
    const entry = lstatSync(path.join(folder, name), { throwIfNoEntry: false });
    if (entry && !entry.isDirectory()) refuse(`${name} in it is no folder`);
  }
  const blobs = new BlobStore(folder);
  return { folder, tag, blobs, existed: found !== undefined, pending: new Set(), listed: false };
}

/** @param wanted a tag, or the digest of the manifest */
async function findManifest(folder: string, wanted: string, report: Report): Promise<Digest | undefined> {
  const problem = (why: string) =>
    report({
      code: 'CacheNotUsable',
      severity: 'warning',
      message: `--cache-from ${folder}: ${why}`,
      hint: 'the build goes on without it',
    });
  const blobs = new BlobStore(folder);
  try {
    if (!lstatSync(folder, { throwIfNoEntry: false })) return void problem('it does not exist');
    const digest = wanted.startsWith('sha256:')
      ? parseDigest(wanted)
      : (await new ImageIndex(folder).find(wanted))?.digest;
    if (digest === undefined) return void problem(`it lists nothing called ${wanted}`);
    return (await blobs.has(digest)) ? digest : void problem(`it lacks ${digest}`);
  } catch (error) {
    return void problem(errnoOf(error) === undefined ? (error as Error).message : describeErrno(error));
  }
}

/** What a daemon says may be anything. */
function readDescriptor(text: string) {
  try {
    const { mediaType, digest, size } = JSON.parse(text) as { mediaType: unknown; digest: unknown; size: unknown };
    if (typeof mediaType !== 'string' || !Number.isSafeInteger(size)) return undefined;
    return { mediaType, digest: parseDigest(String(digest)), size: size as number };
  } catch {
    return undefined;
  }
}

function notWritable(folder: string, error: unknown): never {
  const why = error instanceof BuildError ? error.diagnostics[0]!.message : describeErrno(error);
  if (!(error instanceof BuildError) && errnoOf(error) === undefined) throw error;
  const hint = 'free some space, make it writable, or name another folder';
  return fail({ code: 'OutputNotWritable', message: `--cache-to cannot write ${folder}: ${why}`, hint }, error);
}
