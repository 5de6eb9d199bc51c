/** Solved graphs → images: every layer taken from the cache, or written once for each kind of compression that outputs ask for. */
import { availableParallelism } from 'node:os';
import type { ContentCounters, ContentDigests } from '../context/content-digests.js';
import type { Plan } from '../frontend/to-llb.js';
import { buildLayer, type LayerOptions } from '../layer/build-layer.js';
import type { Platform } from '../oci/descriptor.js';
import type { Target } from '../oci/image.js';
import type { CacheMiss } from '../progress/cache-miss.js';
import type { Emit } from '../progress/event.js';
import { diffTrees } from '../snapshot/diff.js';
import type { Explainer } from '../solver/explainer.js';
import type { CachedLayer, LayerCache, LayerOrigin } from '../solver/layer-cache.js';
import { type LayerStep, layerSteps, type Snapshot } from '../solver/snapshot.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import type { Digest } from '../util/digest.js';
import { createScheduler, type Scheduler } from '../util/scheduler.js';
import { type AssemblyOptions, assembleTarget, type ImageForm } from './assemble-target.js';
import type { BuildCounters, BuildOptions } from './build-options.js';

/** One platform of a build, solved. */
export interface PlatformBuild {
  readonly plan: Plan;
  readonly solved: Snapshot;
  /** Normalised. */
  readonly platform: Platform;
}

export interface ImageWriterOptions extends AssemblyOptions, Pick<BuildOptions, 'signal' | 'labels'> {
  /** More than one: they become an index. Steps that they share are the same objects. */
  readonly platforms: readonly PlatformBuild[];
  readonly blobs: BuildBlobs;
  readonly cache: LayerCache;
  readonly digests: ContentDigests;
  readonly explainer: Explainer;
  readonly emit: Emit;
}

/** What became of the layers of a build, and what writing those that were built took. */
export type LayerCounters = Omit<BuildCounters, keyof ContentCounters>;

/** The layers of one kind of compression, by the step that makes them: platforms share steps. */
interface LayerSet {
  readonly key: string;
  readonly layers: Map<LayerStep, Promise<CachedLayer>>;
  readonly form: LayerOptions;
  readonly scheduler: Scheduler;
  /** Whether progress and explanations are about this form. */
  readonly told: boolean;
}

/** The layers of several platforms, bottom first, those that they share once. */
export function distinctSteps(platforms: readonly PlatformBuild[]): readonly LayerStep[] {
  return [...new Set(platforms.flatMap(({ solved }) => layerSteps(solved)))];
}

/** Where the images of a build come from: written here, or received from a builder. */
export interface TargetSource {
  /** The image, or the index of several. */
  target(form: ImageForm): Promise<Target>;
  /**
   * Reads layers, and forgets those that are damaged. Whether any was.
   * @param which those that came from the cache, or also those that were just made: pruning may have taken them
   */
  discardDamaged(form: ImageForm, which: 'cached' | 'all'): Promise<boolean>;
  /** Makes every layer anew and apart from the store: for a build whose blobs go as fast as it finds them. */
  startApart(form: ImageForm): void;
}

/** Makes the images of one build. */
export class ImageWriter implements TargetSource {
  readonly #options: ImageWriterOptions;
  readonly #steps: readonly LayerStep[];
  /** By compression and level. */
  readonly #sets = new Map<string, LayerSet>();
  readonly #origins = new Map<string, LayerOrigin>();
  readonly #packed = { packedFiles: 0, packedBytes: 0, compressedBytes: 0 };
  /** Why layers were built, by vertex; only when the build explains. */
  readonly misses = new Map<Digest, CacheMiss>();

  constructor(options: ImageWriterOptions) {
    this.#options = options;
    this.#steps = distinctSteps(options.platforms);
  }

  get counters(): LayerCounters {
    const count = (wanted: LayerOrigin) => [...this.#origins.values()].filter((origin) => origin === wanted).length;
    return { built: count('built'), cached: count('cached'), imported: count('imported'), ...this.#packed };
  }

  /** The image, or the index of several. @throws what buildLayer throws; the reason of the signal when it is aborted */
  async target(form: ImageForm): Promise<Target> {
    const { platforms, labels } = this.#options;
    const made = [];
    // one platform after the other: a layer that two of them have by different steps is then found by the second one, every time
    for (const { plan, solved, platform } of platforms) {
      const layers = (await this.#layersOf(form, solved)).map((l) => l.layer);
      made.push({ config: { ...plan.config, platform, labels }, layers });
    }
    return assembleTarget(made, form, this.#options);
  }

  /** Every layer in every form that was made, bottom first, for a cache to keep. */
  async made(): Promise<CachedLayer[]> {
    return Promise.all([...this.#sets.values()].flatMap(({ layers }) => [...layers.values()]));
  }

  /**
   * Reads layers, and forgets those that are damaged. Whether any was.
   * @param which those that came from the cache, or also those that were just written: pruning may have taken them
   */
  async discardDamaged(form: ImageForm, which: 'cached' | 'all'): Promise<boolean> {
    const { blobs, cache } = this.#options;
    const { layers } = this.#setOf(form);
    let any = false;
    for (const [step, pending] of [...layers]) {
      const layer = await pending;
      if (which === 'cached' && layer.origin === 'built') continue;
      if (await blobs.isWhole(layer.layer.descriptor.digest)) continue;
      await cache.discard(layer);
      layers.delete(step);
      any = true;
    }
    return any;
  }

  /** Makes every layer anew and apart from the store: for a build whose blobs go as fast as it finds them. */
  startApart(form: ImageForm): void {
    this.#options.blobs.keepApart();
    this.#setOf(form).layers.clear();
  }

  #layersOf(form: ImageForm, solved: Snapshot): Promise<readonly CachedLayer[]> {
    const set = this.#setOf(form);
    const start = (step: LayerStep) => {
      const layer = set.layers.get(step) ?? set.scheduler.run(() => this.#layer(step, set));
      set.layers.set(step, layer);
      return layer;
    };
    return settleAll(layerSteps(solved).map(start));
  }

  #setOf({ compression, compressionLevel }: ImageForm): LayerSet {
    const key = `${compression}:${compressionLevel ?? ''}`;
    const known = this.#sets.get(key);
    if (known) return known;
    const { signal, epochSeconds } = this.#options;
    const set: LayerSet = {
      key,
      layers: new Map(),
      form: { epochSeconds, compression, ...(compressionLevel !== undefined && { compressionLevel }) },
      scheduler: createScheduler(availableParallelism(), signal),
      // the steps of the build end with their layers, which are written the first time; a second form of them is told by nobody
      told: this.#sets.size === 0,
    };
    this.#sets.set(key, set);
    return set;
  }

  async #layer(step: LayerStep, { key, form, told }: LayerSet): Promise<CachedLayer> {
    const { signal, cache, digests, emit, explainer } = this.#options;
    const { lower, upper, vertex } = step;
    const index = this.#steps.indexOf(step);
    const changes = diffTrees(lower, upper, digests.same);
    let done = 0;
    let reused = 0;
    const onBytes = (bytes: number) => {
      signal?.throwIfAborted();
      done = bytes;
      if (told) emit({ type: 'step-progress', id: vertex, bytes });
    };
    const onReused = (bytes: number) => {
      reused = bytes;
    };
    const result = await cache.layer(changes, form, (store, listeners) =>
      buildLayer(changes, store, form, { ...listeners, onBytes, onReused }),
    );
    this.#origins.set(`${key} ${index}`, result.origin);
    if (result.origin === 'built') this.#count(result, form, done - reused);
    const miss = told ? explainer.note({ index, changes, form, result }) : undefined;
    if (miss) this.misses.set(vertex, miss);
    if (told) emit({ type: 'step-done', id: vertex, cached: result.origin !== 'built', ...(miss && { miss }) });
    return result;
  }

  #count({ files }: CachedLayer, { compression }: LayerOptions, compressed: number): void {
    this.#packed.packedFiles += files.length;
    this.#packed.packedBytes += files.reduce((sum, { size }) => sum + size, 0);
    if (compression !== 'uncompressed') this.#packed.compressedBytes += compressed;
  }
}

/** All results, or the first failure once everything has come to its end. */
async function settleAll<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  const failure = settled.find((s) => s.status === 'rejected');
  if (failure) throw failure.reason;
  return settled.map((s) => (s as PromiseFulfilledResult<T>).value);
}
