/**
 * Layers that were written before. The policy, top to bottom: the shape is unknown → write; known → digest what is not yet digested, look the
 * key up in the store → found, and its blob is there → use it; else in the caches that are imported → found → copy its blob and use it;
 * else write. What was written or copied is recorded.
 *
 * Where much content is new to the stat cache, and it may be that of a layer that is there, it is not read twice, to look the key up and to write:
 * the layer is written, which finds out as well whether it is a blob that is there (layer/reuse.ts), and takes the digests on the way.
 *
 * A hit is sound because the key covers all that the bytes depend on (layer-key.ts), and because a blob is checked against its digest when it is
 * copied and when it is exported. Whatever fails here (a full or read-only store, a torn record) is a miss.
 */
import type { ContentDigests } from '../context/content-digests.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { LayerListeners, LayerOptions } from '../layer/build-layer.js';
import type { Layer } from '../oci/image.js';
import type { Change } from '../snapshot/diff.js';
import type { FileNode } from '../snapshot/file-tree.js';
import type { BlobStore, ContentReader } from '../store/blobs.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import type { LayerKey, LayerRecord, RecordReader, RecordStore } from '../store/records.js';
import type { Digest } from '../util/digest.js';
import { layerKey, layerShape } from './layer-key.js';

/** A cache of another place, which is read and never written. */
export interface CacheImport extends RecordReader, ContentReader {
  /** Hears that a blob is not what its record says; the layer is written instead. */
  damaged(error: BuildError): void;
}

export interface LayerCacheOptions {
  readonly records: RecordStore;
  readonly blobs: BuildBlobs;
  readonly digests: ContentDigests;
  /** false: nothing is looked up (--no-cache); what is written is recorded all the same. */
  readonly lookup: boolean;
  /** What helps to write layers, and changes none of their bytes. */
  readonly helpers?: Pick<LayerListeners, 'reuse' | 'memory'>;
  /** Asked in their order when the store has no record. */
  readonly imports?: readonly CacheImport[];
}

/** From here on it is worth knowing what the pieces of a layer were made of: less is compressed in no time. Bytes. */
const LARGE_LAYER = 4 * 1024 * 1024;

/** From how many bytes on reading them twice costs more than finding a layer by its pieces. */
const WORTH_ONE_PASS = 64 * 1024 * 1024;

/** Where a layer came from: `cached` was in the store already. */
export type LayerOrigin = 'built' | 'cached' | 'imported';

export interface CachedLayer {
  readonly layer: Layer;
  /** What of it has content, each file once. */
  readonly files: readonly FileNode[];
  readonly origin: LayerOrigin;
  readonly key: LayerKey;
  /** Of a layer that was built: what the store lacked, or `off` when it was not asked. */
  readonly missed?: 'no-record' | 'no-blob' | 'off';
}

/** Writes a layer into a store, which is not always the same one: a store may fail. */
export type WriteLayer = (store: BlobStore, listeners: LayerListeners) => Promise<Layer>;

export class LayerCache {
  readonly #options: LayerCacheOptions;
  /** Shapes of layers whose blobs turned out to be damaged. */
  readonly #discarded = new Set<Digest>();

  constructor(options: LayerCacheOptions) {
    this.#options = options;
  }

  /** The layer of these changes, from a cache or by `write`. */
  async layer(changes: readonly Change[], form: LayerOptions, write: WriteLayer): Promise<CachedLayer> {
    const { shape, files } = layerShape(changes, form);
    if (!this.#options.lookup) return this.#write({ shape, files, missed: 'off' }, write);
    if (this.#options.blobs.apart) return this.#write({ shape, files, missed: 'no-blob' }, write);
    const unknown = this.#discarded.has(shape) ? 'no-blob' : 'no-record';
    if (!(await this.#hasShape(shape))) return this.#write({ shape, files, missed: unknown }, write);
    const { digests } = this.#options;
    const contents = files.map((file) => digests.lookup(file));
    if (this.#inOnePass(files, contents, form)) return this.#write({ shape, files, missed: unknown }, write);
    for (const [i, file] of files.entries()) contents[i] ??= await digests.digest(file);
    const key = layerKey(shape, contents as Digest[]);
    const found = await this.#find(key);
    if (typeof found === 'object') return { layer: found, files, origin: 'cached', key };
    const imported = await this.#import(key);
    if (imported) return { layer: imported, files, origin: 'imported', key };
    return this.#write({ shape, files, missed: found === 'no-record' ? unknown : found }, write);
  }

  /** A layer whose blob is damaged or gone: forgets it, so that the next call writes it. */
  async discard({ key, layer }: CachedLayer): Promise<void> {
    this.#discarded.add(key.shape);
    await this.#options.records.forget(key);
    await this.#options.blobs.remove(layer.descriptor.digest);
  }

  /** Whether so much is to be hashed that it had better be done while the layer is written. A cache that is imported is asked by the key, which needs it. */
  #inOnePass(files: readonly FileNode[], contents: readonly unknown[], { compression }: LayerOptions): boolean {
    const { helpers, imports } = this.#options;
    if (compression === 'uncompressed' || !helpers?.reuse || imports?.length) return false;
    let unknown = 0;
    for (const [i, { size }] of files.entries()) if (contents[i] === undefined) unknown += size;
    return unknown >= WORTH_ONE_PASS;
  }

  async #hasShape(shape: Digest): Promise<boolean> {
    for (const records of [this.#options.records, ...(this.#options.imports ?? [])])
      if (await records.hasShape(shape).catch(() => false)) return true;
    return false;
  }

  async #find(key: LayerKey): Promise<Layer | 'no-record' | 'no-blob'> {
    const record = await this.#options.records.lookup(key).catch(() => undefined);
    if (!record) return 'no-record';
    return (await this.#options.blobs.store.touch(record.digest, record.size)) ? layerOf(record) : 'no-blob';
  }

  /** Copies the blob of the first cache that has a record and the bytes that it promises. */
  async #import(key: LayerKey): Promise<Layer | undefined> {
    const { imports = [], blobs, records } = this.#options;
    for (const source of imports) {
      const record = await source.lookup(key).catch(() => undefined);
      if (!record) continue;
      try {
        const lasting =
          (await blobs.store.touch(record.digest, record.size)) ||
          (await blobs.write((store) => store.write(source.read(record.digest)))).lasting;
        if (lasting) await records.save(key, record).catch(() => undefined); // the next build will import it again
        return layerOf(record);
      } catch (error) {
        if (!(error instanceof BuildError) || !error.diagnostics.some((d) => d.code === 'DamagedBlob')) throw error;
        source.damaged(error);
      }
    }
    return undefined;
  }

  async #write(
    { shape, files, missed }: { shape: Digest; files: readonly FileNode[]; missed: NonNullable<CachedLayer['missed']> },
    write: WriteLayer,
  ): Promise<CachedLayer> {
    const { records, digests, blobs, helpers = {} } = this.#options;
    const isLarge = files.reduce((sum, { size }) => sum + size, 0) >= LARGE_LAYER;
    let hashed = { files: 0, bytes: 0 };
    let heard = 0;
    let isFound = false;
    const { made: layer, lasting } = await blobs.write((store) => {
      const started = digests.now();
      return write(store, {
        onStart: () => {
          hashed = { files: 0, bytes: 0 };
          heard = 0;
          isFound = false;
        },
        onFound: () => {
          isFound = true;
        },
        memory: helpers.memory,
        reuse: isLarge ? helpers.reuse : undefined,
        known: (file) => {
          const digest = digests.settled(file);
          if (digest !== undefined) return digest;
          hashed.files++;
          hashed.bytes += file.size;
          return undefined;
        },
        onContent: (file, digest) => {
          heard++;
          digests.remember(file, digest, started);
        },
      });
    });
    // a key without the content of a file would be a wrong hit one day
    if (heard !== files.length) throw new Error(`a layer was written, and ${heard} of its ${files.length} files read`);
    const key = layerKey(
      shape,
      files.map((file) => digests.lookup(file)!),
    );
    const { mediaType, digest, size } = layer.descriptor;
    const record: LayerRecord = { diffID: layer.diffID, mediaType, digest, size };
    if (lasting) await records.save(key, record).catch(() => undefined); // the next build will write it again
    if (!isFound) return { layer, files, origin: 'built', key, missed };
    digests.count(hashed);
    return { layer, files, origin: 'cached', key };
  }
}

function layerOf({ diffID, mediaType, digest, size }: LayerRecord): Layer {
  return { diffID, descriptor: { mediaType, digest, size } };
}
