/**
 * A cache in a folder, to be kept between machines (`--cache-to` and `--cache-from` with `type=local`): an OCI image layout that holds the
 * last image, the blobs of its layers, and their records as in a store. It holds exactly what one build used, whatever it held before.
 *
 * Writing goes from one cache to the next without a moment in which the folder is none: blobs first, records that lead to them, the index, and
 * only then what is not needed any more goes. Whoever reads meanwhile, or after a kill, finds what is there or misses.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { documentsOf, type Target } from '../oci/image.js';
import { type Digest, hexOf } from '../util/digest.js';
import { BlobStore, type ContentReader } from './blobs.js';
import { ImageIndex } from './image-index.js';
import { foreignLayout } from './open-store.js';
import { FolderRecords, type LayerKey, type LayerRecord, type RecordReader } from './records.js';
import { storeTarget } from './stored-image.js';

/** The reference name of the image in a cache folder: buildx's, for its own. */
const TAG = 'latest';

/** What a cache folder may hold. */
const ENTRIES: readonly string[] = ['oci-layout', 'index.json', 'index.lock', 'blobs', 'records', 'tmp'];

/** A cache folder to read. Nothing in it is written or marked. */
export class LocalCache implements RecordReader, ContentReader {
  readonly folder: string;
  readonly #records: FolderRecords;
  readonly #blobs: BlobStore;
  readonly #report: (warning: Diagnostic) => void;

  constructor(folder: string, report: (warning: Diagnostic) => void) {
    this.folder = folder;
    this.#records = new FolderRecords(folder, { readOnly: true });
    this.#blobs = new BlobStore(folder);
    this.#report = report;
  }

  hasShape(shape: Digest): Promise<boolean> {
    return this.#records.hasShape(shape);
  }

  lookup(key: LayerKey): Promise<LayerRecord | undefined> {
    return this.#records.lookup(key);
  }

  read(digest: Digest): AsyncIterable<Uint8Array> {
    return this.#blobs.read(digest);
  }

  damaged(error: BuildError): void {
    const why = error.diagnostics[0]!.message;
    const hint = 'write it anew with --cache-to; the layer is built meanwhile';
    this.#report({ code: 'CacheNotUsable', severity: 'warning', message: `the cache ${this.folder}: ${why}`, hint });
  }
}

/** Opens a cache folder. One that is not there, or is none, is a warning and no cache, as with buildx: the first run of a CI job has none. */
export function openLocalCache(folder: string, report: (warning: Diagnostic) => void): LocalCache | undefined {
  const problem = whyNoCache(folder);
  if (problem === undefined) return new LocalCache(folder, report);
  const message = `--cache-from ${folder}: ${problem}`;
  report({ code: 'CacheNotUsable', severity: 'warning', message, hint: 'the build goes on without it' });
  return undefined;
}

function whyNoCache(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory()) return 'it is not a folder';
    readFileSync(path.join(folder, 'oci-layout'));
    readdirSync(path.join(folder, 'records'));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') return describeErrno(error);
    return readable(folder) ? 'it is no cache of wbuild' : 'it does not exist';
  }
  return foreignLayout(folder);
}

function readable(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false }) !== undefined;
}

/** A layer to export: where its bytes are found, and under which key. */
export interface ExportedLayer {
  readonly key: LayerKey;
  readonly record: LayerRecord;
}

/**
 * Refuses a folder that holds something else: what is not needed in a cache is removed.
 * @throws BuildError `OutputNotWritable`
 */
export async function checkCacheFolder(folder: string): Promise<void> {
  const found: readonly string[] = await readdir(folder).catch((error): string[] => {
    if (errnoOf(error) === 'ENOENT') return [];
    return notWritable(folder, describeErrno(error), 'name a folder that can be written');
  });
  const foreign = found.filter((name) => !ENTRIES.includes(name)).sort()[0];
  const hint = 'name an empty folder, or one that --cache-to wrote before: what else is in it would be lost';
  if (foreign !== undefined) notWritable(folder, `it holds ${foreign}, which is no part of a cache`, hint);
  const cache = found.includes('records') || found.every((name) => name === 'tmp');
  if (!cache) notWritable(folder, 'it is an OCI layout of something else', hint);
  const version = foreignLayout(folder) ?? (await foreignRecords(folder));
  if (version !== undefined) notWritable(folder, version, 'name another folder');
}

/** Records of another version are refused and left alone, as everything that a newer wbuild may have written. */
async function foreignRecords(folder: string): Promise<string | undefined> {
  const known = path.basename(new FolderRecords(folder).folder);
  const found = await readdir(path.join(folder, 'records')).catch(() => []);
  const other = found.find((name) => name !== known);
  return other === undefined
    ? undefined
    : `it has records of the version ${other}, which a newer wbuild may have written`;
}

/** What goes into a cache folder. */
export interface CacheContent {
  readonly target: Target;
  /** Those of its images, in every form in which they were made. */
  readonly layers: readonly ExportedLayer[];
  /** Where the bytes of the layers are. */
  readonly content: ContentReader;
}

/**
 * Makes a folder the cache of one build.
 * @throws BuildError `OutputNotWritable`; `DamagedBlob` when a layer is damaged or gone in `content`
 */
export async function writeLocalCache(folder: string, cache: CacheContent): Promise<void> {
  await checkCacheFolder(folder);
  try {
    await fill(folder, cache);
  } catch (error) {
    const hint = 'free some space, make it writable, or name another folder';
    if (error instanceof BuildError) {
      const { code, message } = error.diagnostics[0]!;
      if (code !== 'StoreNotWritable') throw error;
      return notWritable(folder, message, hint);
    }
    if (errnoOf(error) === undefined) throw error;
    notWritable(folder, describeErrno(error), hint);
  }
}

async function fill(folder: string, { target, layers, content }: CacheContent): Promise<void> {
  // first of all, so that whatever a kill leaves is known as a cache the next time
  await mkdir(path.join(folder, 'records'), { recursive: true });
  const blobs = new BlobStore(folder);
  const needed = new Set(documentsOf(target).map(({ descriptor }) => descriptor.digest));
  for (const { record } of layers) {
    needed.add(record.digest);
    if (!(await blobs.isWhole(record.digest))) await blobs.write(content.read(record.digest));
  }
  const records = new FolderRecords(folder);
  for (const { key, record } of layers) await records.save(key, record);
  await new ImageIndex(folder).replace(TAG, await storeTarget(blobs, target));
  await sweep(folder, needed, layers);
}

/** Removes what the index and the records do not lead to. */
async function sweep(folder: string, needed: ReadonlySet<Digest>, layers: readonly ExportedLayer[]): Promise<void> {
  await removeOthers(path.join(folder, 'blobs', 'sha256'), new Set([...needed].map(hexOf)));
  const shapes = new Map<string, Set<string>>();
  for (const { key } of layers) {
    const names = shapes.get(hexOf(key.shape)) ?? new Set();
    shapes.set(hexOf(key.shape), names.add(`${hexOf(key.content)}.json`));
  }
  const { folder: records } = new FolderRecords(folder);
  await removeOthers(records, new Set(shapes.keys()));
  for (const [shape, names] of shapes) await removeOthers(path.join(records, shape), names);
  await rm(path.join(folder, 'tmp'), { recursive: true, force: true });
}

async function removeOthers(folder: string, keep: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!keep.has(name)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

function notWritable(folder: string, why: string, hint: string): never {
  fail({ code: 'OutputNotWritable', message: `--cache-to cannot write ${folder}: ${why}`, hint });
}
