/** What a build remembers and looks up: the layer cache over the store and the imported caches, digests of files, and what --explain compares with. */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { ContentDigests } from '../context/content-digests.js';
import { StatCache } from '../context/stat-cache.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { listVertices } from '../llb/marshal.js';
import type { Target } from '../oci/image.js';
import { formatPlatform } from '../oci/platform.js';
import { Explainer } from '../solver/explainer.js';
import { type CachedLayer, LayerCache } from '../solver/layer-cache.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import { BuildMemory } from '../store/build-memory.js';
import { checksFolder, StoredChecks } from '../store/checks.js';
import { checkCacheFolder, openLocalCache, writeLocalCache } from '../store/local-cache.js';
import { openPieceIndex } from '../store/piece-index.js';
import { FolderRecords } from '../store/records.js';
import type { StoreWriteOptions } from '../store/store-files.js';
import { type Digest, sha256 } from '../util/digest.js';
import type { BuildOptions, LayerMiss } from './build-options.js';
import { distinctSteps, type ImageWriter, type PlatformBuild } from './image-writer.js';

export interface BuildCacheOptions extends StoreWriteOptions {
  readonly options: BuildOptions;
  readonly platforms: readonly PlatformBuild[];
  readonly blobs: BuildBlobs;
  readonly clock: () => bigint;
  readonly warn: (warning: Diagnostic) => void;
}

export interface BuildCache {
  readonly layers: LayerCache;
  readonly digests: ContentDigests;
  readonly explainer: Explainer;
  /** Writes down what this build learnt. */
  save(): Promise<void>;
}

/** Opens the caches of a build. One of --cache-from that cannot be used is a warning. */
export function openBuildCache({ options, platforms, blobs, clock, warn, onStep }: BuildCacheOptions): BuildCache {
  const { folder } = blobs.store;
  const lookup = !options.noCache;
  const stats = new StatCache(folder, path.resolve(options.context), { onStep, lookup });
  const digests = new ContentDigests(stats, clock);
  const records = new FolderRecords(folder, { onStep });
  const sources = lookup ? (options.cacheFrom ?? []) : [];
  const imports = sources.map(({ src }) => openLocalCache(src, warn)).filter((source) => source !== undefined);
  const helpers = {
    reuse: (codec: string) => openPieceIndex(blobs.store, codec, { onStep, lookup }),
    // a program that does not say what its environment is has its store alone
    memory: new StoredChecks(
      options.env ? checksFolder(options.env) : path.join(folder, 'checks'),
      () => Number(clock() / 1_000_000n),
      { onStep },
    ),
  };
  const layers = new LayerCache({ records, blobs, digests, lookup, imports, helpers });
  const instructions = layerSteps(platforms).map(({ name }) => name.replace(/^\[[^\]]*\] /, ''));
  const memory = new BuildMemory(folder, buildName(options, platforms), { onStep });
  const explainer = new Explainer({ memory, digests, instructions, explain: options.explain ?? false });
  const save = async () => {
    await Promise.all([stats.save(clock()), explainer.save()]);
  };
  return { layers, digests, explainer, save };
}

/**
 * What makes two builds the same one at two times: context, Dockerfile, target, platforms and named contexts. Content is left out, since what
 * changed in it is the question; so are outputs and the epoch, which are remembered with each layer.
 */
function buildName(
  { context, file, target, buildContexts }: BuildOptions,
  platforms: readonly PlatformBuild[],
): Digest {
  const named = Object.entries(buildContexts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const dockerfile = file === undefined || file === '-' ? file : realPath(file);
  const folder = context === '-' ? context : realPath(context);
  const names = platforms.map(({ platform }) => formatPlatform(platform));
  return sha256(JSON.stringify([folder, dockerfile, target, names, named]));
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}

/** The layers of all platforms, each once, with the names of their steps. */
function layerSteps(platforms: readonly PlatformBuild[]): { readonly vertex: Digest; readonly name: string }[] {
  const names = new Map<Digest, string>();
  for (const { plan } of platforms)
    for (const { digest, metadata } of plan.result ? listVertices(plan.result) : []) names.set(digest, metadata.name);
  return distinctSteps(platforms).map(({ vertex }) => ({ vertex, name: names.get(vertex)! }));
}

/** The layers that were built, in their order, and why. */
export function missesOf(platforms: readonly PlatformBuild[], { misses }: ImageWriter): LayerMiss[] {
  return layerSteps(platforms).flatMap(({ vertex, name }) => {
    const miss = misses.get(vertex);
    return miss ? [{ step: name, miss }] : [];
  });
}

/** Refuses folders of --cache-to that hold something else, before anything is done. @throws BuildError `OutputNotWritable` */
export async function checkCacheTo({ cacheTo = [] }: BuildOptions): Promise<void> {
  for (const { dest, ignoreError } of cacheTo) if (!ignoreError) await checkCacheFolder(dest);
}

export interface CacheExport {
  readonly target: Target;
  readonly made: readonly CachedLayer[];
  readonly blobs: BuildBlobs;
}

/**
 * Writes every --cache-to.
 * @throws BuildError `OutputNotWritable`, which ignore-error=true makes a warning; `DamagedBlob`
 */
export async function exportCaches(
  { cacheTo = [] }: BuildOptions,
  { target, made, blobs }: CacheExport,
  warn: (warning: Diagnostic) => void,
): Promise<void> {
  const layers = made.map(
    ({
      key,
      layer: {
        diffID,
        descriptor: { mediaType, digest, size },
      },
    }) => {
      return { key, record: { diffID, mediaType, digest, size } };
    },
  );
  for (const { dest, ignoreError } of cacheTo) {
    try {
      await writeLocalCache(dest, { target, layers, content: blobs });
    } catch (error) {
      const unwritable = error instanceof BuildError && error.diagnostics[0]?.code === 'OutputNotWritable';
      if (!unwritable || !ignoreError) throw error;
      warn({ ...error.diagnostics[0]!, severity: 'warning' });
    }
  }
}
