/** The build: options in, result out. docs/architecture.md follows the pass that is wired together here. */

import type { Attester } from '../attest/attester.js';
import { attestsAny } from '../attest/options.js';
import type { BuilderOptions } from '../buildkit/address.js';
import type { ContentDigests } from '../context/content-digests.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { checkDestination, type Destination, EXPORTERS, type ExportInput, type Root } from '../exporter/exporter.js';
import { imagesOf, type Target } from '../oci/image.js';
import { normalizePlatform } from '../oci/platform.js';
import type { Snapshot } from '../solver/snapshot.js';
import { BlobStore } from '../store/blobs.js';
import { BuildBlobs } from '../store/build-blobs.js';
import { defaultStoreFolder, openStore } from '../store/open-store.js';
import type { StoreWriteOptions } from '../store/store-files.js';
import type { Digest } from '../util/digest.js';
import type { ImageForm } from './assemble-target.js';
import { checkCacheTo, exportCaches, missesOf, openBuildCache } from './build-cache.js';
import type { BuildOptions, BuildResult, BuiltImage, OutputSpec } from './build-options.js';
import { checkOutputs } from './check-outputs.js';
import { ImageWriter, type PlatformBuild, type TargetSource } from './image-writer.js';
import { openInputs, type PlatformInputs } from './inputs.js';
import { nameTarget, withoutStore } from './keep-image.js';
import type { BuildTask, Making } from './making.js';
import type { Solved } from './open-attester.js';
import { planBuild } from './plan.js';
import { readPlatforms } from './platforms.js';
import { type PlanToSolve, solvePlans } from './solve-plans.js';

/** The image that a build without outputs makes, for its digests. */
const DEFAULT_FORM: ImageForm = { compression: 'gzip', ociMediaTypes: true };

/** What tests put in the place of the world. */
export interface BuildInternals extends StoreWriteOptions {
  /** Nanoseconds since 1970; nothing of it reaches an output. */
  readonly clock?: () => bigint;
}

/**
 * Builds an image and writes every output.
 * @throws BuildError for all that a user can cause; the reason of `signal` when it is aborted
 */
export async function build(given: BuildOptions, internals: BuildInternals = {}): Promise<BuildResult> {
  const options = { ...given, cacheDir: given.cacheDir ?? defaultStoreFolder() };
  const { epochSeconds, emit = () => undefined } = options;
  const { onStep, clock = () => BigInt(Date.now()) * 1_000_000n } = internals;
  const { warnings, warn } = collectWarnings(options.report);
  const destinations = options.outputs.map((output) => destinationOf(output, options.stdout));
  for (const destination of destinations) await checkDestination(destination);
  await checkCacheTo(options);
  const platforms = readPlatforms(options);
  checkOutputs(options, platforms, warn);
  const storeLost = (why: string) => withoutStore(why, options, warn);
  const opened = openStore(options.cacheDir, storeLost);
  try {
    const inputs = await openInputs(options, platforms, opened.scratch);
    let making: Making | undefined;
    try {
      const plans: PlanToSolve[] = [];
      for (const { platform, contexts, named } of inputs.platforms) {
        const excludes = contexts.get('context')!.excludes;
        const known = options.builder ? asFolders(named) : named;
        const planning = { ...inputs.dockerfile, target: options.target, platform, excludes, named: known };
        plans.push({ plan: await planBuild(planning, warn), contexts });
      }
      const task: BuildTask = { options, inputs, plans, opened, warn, storeLost, emit, onStep, clock };
      making = await (options.builder ? makeThere(task, options.builder) : makeHere(task));
      const { writer, blobs } = making;
      let first: Target | undefined;
      for (const [i, output] of options.outputs.entries()) {
        const { names, platformSplit, type } = output;
        const split = platformSplit === undefined ? {} : { platformSplit };
        let artifact: Target | undefined;
        const made = await exportTarget(output, writer, async (image) => {
          const needed = await rootsFor(output, image, options, making!);
          const input = { target: image, roots: needed, content: blobs, names, epochSeconds, emit, ...split };
          if (output.load) return loadOutput(output, input, options);
          if (type === 'image') return pushOutput(output, input, options);
          if (type !== 'wasm') return EXPORTERS[type].export(input, destinations[i]!);
          artifact = await wasmOutput(output, { input, blobs, options, to: destinations[i]! });
        });
        const target = artifact ?? made;
        first ??= target;
        const tell = warnings.some((w) => w.code === 'StoreNotWritable') ? () => undefined : warn;
        if (!opened.temporary) await nameTarget(output, target, { blobs, onStep, warn: tell });
      }
      if (making.exportCaches)
        first = await exportTarget(options.outputs[0] ?? DEFAULT_FORM, writer, making.exportCaches);
      const target = first ?? (await writer.target(DEFAULT_FORM));
      return resultOf(target, { warnings, ...(await making.finish()) });
    } finally {
      await making?.close?.();
      await inputs.close();
    }
  } finally {
    opened.close();
  }
}

/** The root filesystems that an output is made of; what is said of their files lies among them, but not in an artifact. */
async function rootsFor(
  output: OutputSpec,
  target: Target,
  options: BuildOptions,
  { roots, attester }: Making,
): Promise<readonly Root[]> {
  const { type } = output;
  if (type === 'wasm') return roots(target);
  if (type !== 'local' && type !== 'tar') return [];
  const found = await roots(target);
  if (!attester) return found;
  const { attestRoots } = await import('./open-attester.js');
  return attestRoots(found, attester, output, options);
}

/** What pushes is loaded only where something is pushed. */
async function pushOutput(
  { push }: OutputSpec,
  { target, content, names, emit }: ExportInput,
  { env = {}, signal }: BuildOptions,
): Promise<void> {
  if (!push) return;
  const { pushImage } = await import('./images/push-image.js');
  await pushImage({ target, content, names, emit, env, signal, ...push });
}

/** As above. */
async function loadOutput({ load }: OutputSpec, input: ExportInput, { env = {}, signal }: BuildOptions): Promise<void> {
  const { loadImage } = await import('./images/load-image.js');
  await loadImage({ input, env, signal, context: load?.context });
}

/** Makes images in this process. */
async function makeHere(task: BuildTask): Promise<Making> {
  const { options, inputs, plans, opened, warn, emit, onStep, clock } = task;
  const results = new Map<Digest, Promise<Snapshot>>();
  const solved = await solvePlans(plans, { emit, signal: options.signal, results });
  const store = new BlobStore(opened.folder, { onStep });
  const blobs = new BuildBlobs({ store, spare: opened.spare, lost: task.storeLost, onStep });
  const platforms = inputs.platforms.map(({ platform }, i): PlatformBuild => {
    return { platform: normalizePlatform(platform), plan: plans[i]!.plan, solved: solved[i]! };
  });
  const cache = openBuildCache({ options, platforms, blobs, clock, warn, onStep });
  const { layers, digests, explainer } = cache;
  const roots = platforms.map(({ platform, solved: { tree } }) => ({ platform, tree }));
  const attester = await openAttester({ options, inputs, plans }, { snapshots: solved, results }, digests);
  const writer = new ImageWriter({ ...options, platforms, blobs, cache: layers, digests, explainer, emit, attester });
  return {
    writer,
    blobs,
    attester,
    roots: async () => roots,
    ...(options.cacheTo?.length && {
      exportCaches: async (target: Target) => exportCaches(options, { target, made: await writer.made(), blobs }, warn),
    }),
    finish: async () => {
      await cache.save();
      const counters = { ...digests.counters, ...writer.counters };
      return { counters, ...(options.explain && { misses: missesOf(platforms, writer) }) };
    },
  };
}

/** Makes images on a BuildKit daemon. What that needs is loaded by such builds alone. */
async function makeThere(task: BuildTask, builder: BuilderOptions): Promise<Making> {
  const { makeRemotely } = await import('./remote.js');
  const { signal } = task.options;
  const solveHere = (results?: Map<Digest, Promise<Snapshot>>) =>
    solvePlans(task.plans, { emit: () => undefined, signal, ...(results && { results }) });
  return makeRemotely(task, builder, solveHere);
}

/** What makes statements is loaded only where there are any to make. */
async function openAttester(
  task: Pick<BuildTask, 'options' | 'inputs' | 'plans'>,
  solved: Solved,
  digests: ContentDigests,
): Promise<Attester | undefined> {
  if (!attestsAny(task.options.attest ?? {})) return undefined;
  const attesting = await import('./open-attester.js');
  return attesting.openAttester(task, solved, digests);
}

/** To a daemon every context is a folder: an image in an OCI layout is sent as the files that it is. */
function asFolders(named: PlatformInputs['named']): PlatformInputs['named'] {
  const folder = { kind: 'local', excludes: [] } as const;
  return new Map([...named].map(([name, info]) => [name, info.kind === 'local' ? info : folder]));
}

interface WasmRequest {
  readonly input: ExportInput;
  readonly blobs: BuildBlobs;
  readonly options: BuildOptions;
  readonly to: Destination;
}

/** As above: makes the artifact, and sends it where the output says. */
async function wasmOutput(output: OutputSpec, { input, blobs, options, to }: WasmRequest): Promise<Target> {
  const { makeWasmArtifact, writeWasmArtifact } = await import('./wasm-output.js');
  const annotations = [...(output.annotations ?? []), ...(options.annotations ?? [])];
  const target = await makeWasmArtifact({ roots: input.roots, blobs, annotations }, options.epochSeconds);
  await writeWasmArtifact(output, { ...input, target }, to);
  await pushOutput(output, { ...input, target }, options);
  return target;
}

/** Each warning once: the platforms of a build say much the same of one file. */
function collectWarnings(report: BuildOptions['report']) {
  const warnings: Diagnostic[] = [];
  const told = new Set<string>();
  const warn = (diagnostic: Diagnostic) => {
    const key = JSON.stringify(diagnostic);
    if (told.has(key)) return;
    told.add(key);
    warnings.push(diagnostic);
    report?.(diagnostic);
  };
  return { warnings, warn };
}

/** A blob that is damaged is made again in the store; one that goes again (who prunes in a loop?) apart from it. */
const ATTEMPTS = 3;

/**
 * Makes the image of an output and exports it. A blob of the store that turns out to be damaged or gone is made again; what goes to a stream
 * cannot be taken back, so there the blobs are read once before.
 */
async function exportTarget(
  output: ImageForm & Pick<OutputSpec, 'dest'>,
  writer: TargetSource,
  run: (target: Target) => Promise<void>,
): Promise<Target> {
  const stream = output.dest === '-';
  for (let attempt = 1; ; attempt++) {
    const target = await writer.target(output);
    if (stream && (await writer.discardDamaged(output, attempt === 1 ? 'cached' : 'all')) && attempt <= ATTEMPTS) {
      if (attempt > 1) writer.startApart(output);
      continue;
    }
    try {
      await run(target);
      return target;
    } catch (error) {
      const damaged = error instanceof BuildError && error.diagnostics.some((d) => d.code === 'DamagedBlob');
      if (!damaged || stream || attempt >= ATTEMPTS) throw error;
      await writer.discardDamaged(output, 'all');
      if (attempt > 1) writer.startApart(output);
    }
  }
}

function resultOf(target: Target, more: Pick<BuildResult, 'warnings' | 'counters' | 'misses'>): BuildResult {
  const images = imagesOf(target).map(({ platform, manifest, config, layers }): BuiltImage => {
    return {
      platform,
      manifest: manifest.descriptor,
      config: config.descriptor,
      diffIDs: layers.map((l) => l.diffID),
    };
  });
  return { ...images[0]!, ...('images' in target && { index: target.index.descriptor }), images, ...more };
}

function destinationOf({ type, dest, tar }: OutputSpec, stdout: NodeJS.WritableStream | undefined): Destination {
  if (type === 'cacheonly' || type === 'image' || dest === undefined) return { kind: 'none' };
  if (dest !== '-')
    return { kind: type === 'local' || ((type === 'oci' || type === 'wasm') && !tar) ? 'folder' : 'file', path: dest };
  if (!stdout) throw new TypeError('an output goes to standard output, and options.stdout is not given');
  return { kind: 'stream', stream: stdout };
}
