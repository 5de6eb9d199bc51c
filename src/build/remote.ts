/** The images of a build that runs on a BuildKit daemon. Loaded by such builds alone: a local build must not wait for gRPC to load. */
import path from 'node:path';
import type { Attester } from '../attest/attester.js';
import { attestsAny } from '../attest/options.js';
import type { BuilderOptions } from '../buildkit/address.js';
import { LocalCaches } from '../buildkit/local-caches.js';
import { openAddresses } from '../buildkit/open-addresses.js';
import { isInline, RemoteImages, type RemotePlatform } from '../buildkit/remote-images.js';
import type { Credentials as RegistryCredentials } from '../buildkit/session.js';
import { ContentDigests } from '../context/content-digests.js';
import { StatCache } from '../context/stat-cache.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { Root } from '../exporter/exporter.js';
import type { Target } from '../oci/image.js';
import { imagesOf } from '../oci/image.js';
import { normalizePlatform } from '../oci/platform.js';
import { parseReference } from '../oci/reference.js';
import { type Env, findCredentials } from '../registry/docker-config.js';
import type { Snapshot } from '../solver/snapshot.js';
import { BlobStore } from '../store/blobs.js';
import { BuildBlobs } from '../store/build-blobs.js';
import type { Digest } from '../util/digest.js';
import { assembleTarget, type ImageForm } from './assemble-target.js';
import type { BuildOptions } from './build-options.js';
import type { TargetSource } from './image-writer.js';
import type { BuildTask, Making } from './making.js';

/** With type=inline the image is another one than that of a local build, which is what was asked for. */
const IN_THE_IMAGE: Diagnostic = {
  code: 'InlineCache',
  severity: 'warning',
  message: '--cache-to type=inline makes the cache a part of the image, whose digest is not that of a local build',
  hint: 'a cache beside the image leaves the digest as it is: type=registry,ref=NAME',
};

/**
 * @param solveHere solves the graphs here: to find the error that a local build gives, and to attest what a local build attests
 * @throws BuildError `Usage` for addresses that are none
 */
export async function makeRemotely(
  task: BuildTask,
  builder: BuilderOptions,
  solveHere: (results?: Map<Digest, Promise<Snapshot>>) => Promise<readonly Snapshot[]>,
): Promise<Making> {
  const { options, inputs, plans, opened, warn, storeLost, emit, onStep, clock } = task;
  const addresses = openAddresses(builder);
  const contextPath = options.context === '-' ? '-' : path.resolve(options.context);
  // what has no name is nobody's to find later
  const named = options.outputs.some((output) => output.names.length > 0);
  const store = new BlobStore(named ? opened.folder : path.join(opened.scratch, 'received'), { onStep });
  const blobs = new BuildBlobs({ store, spare: opened.spare, lost: storeLost, onStep });
  const noCache = options.noCache ?? false;
  const stats = new StatCache(opened.folder, contextPath, { onStep, lookup: !noCache });
  const digests = new ContentDigests(stats, clock);
  const platforms = inputs.platforms.map(({ platform, contexts }, i): RemotePlatform => {
    const { result, config } = plans[i]!.plan;
    return { result, contexts, config: { ...config, platform: normalizePlatform(platform), labels: options.labels } };
  });
  const { cacheTo = [], cacheFrom = [] } = builder;
  const caches = await LocalCaches.open({ cacheTo, cacheFrom: noCache ? [] : cacheFrom }, warn);
  if (cacheTo.some(isInline)) warn(IN_THE_IMAGE);
  const images = new RemoteImages({
    addresses,
    cacheName: cacheName(options, contextPath),
    contextPath,
    platforms,
    source: { file: inputs.dockerfile.file, text: inputs.dockerfile.bytes },
    digests,
    blobs,
    credentials: credentialsFor(builder, options.env ?? {}),
    epochSeconds: options.epochSeconds,
    noCache,
    caches,
    emit,
    report: warn,
    signal: options.signal,
    scratch: opened.scratch,
    explain: () => solveHere(),
  });
  const attester = await attesterOf(task, digests, solveHere);
  return {
    writer: new RemoteWriter(options, platforms, images, { blobs, attester }),
    blobs,
    attester,
    roots: async (target) => {
      const roots: Root[] = [];
      for (const { platform, layers } of imagesOf(target)) roots.push({ platform, tree: await images.tree(layers) });
      return roots;
    },
    close: async () => {
      await images.close();
      await caches.close();
    },
    finish: async () => {
      await stats.save(clock());
      const none = { imported: 0, packedFiles: 0, packedBytes: 0, compressedBytes: 0 };
      return { counters: { ...digests.counters, ...images.counters, ...none } };
    },
  };
}

/**
 * The statements are those of a local build: about the same graph, contexts and image. What a daemon says of itself is asked for nowhere, since it
 * would differ from daemon to daemon.
 */
async function attesterOf(
  task: BuildTask,
  digests: ContentDigests,
  solveHere: (results: Map<Digest, Promise<Snapshot>>) => Promise<readonly Snapshot[]>,
): Promise<Attester | undefined> {
  if (!attestsAny(task.options.attest ?? {})) return undefined;
  const { openAttester } = await import('./open-attester.js');
  const results = new Map<Digest, Promise<Snapshot>>();
  const snapshots = await solveHere(results);
  return openAttester(task, { snapshots, results }, digests);
}

/** Puts images together around the layers of a builder, as image-writer.ts does around its own. */
class RemoteWriter implements TargetSource {
  readonly blobs: BuildBlobs;
  readonly attester: Attester | undefined;

  constructor(
    readonly options: BuildOptions,
    readonly platforms: readonly RemotePlatform[],
    readonly images: RemoteImages,
    more: { readonly blobs: BuildBlobs; readonly attester: Attester | undefined },
  ) {
    this.blobs = more.blobs;
    this.attester = more.attester;
  }

  async target(form: ImageForm): Promise<Target> {
    const made = [];
    for (const platform of this.platforms) {
      const { layers, inlineCache } = await this.images.layers(platform, form);
      made.push({ config: { ...platform.config, ...(inlineCache !== undefined && { inlineCache }) }, layers });
    }
    return assembleTarget(made, form, { ...this.options, attester: this.attester });
  }

  async discardDamaged(form: ImageForm, which: 'cached' | 'all'): Promise<boolean> {
    if (which === 'cached') return false; // it was checked as it came
    let any = false;
    for (const { descriptor } of imagesOf(await this.target(form)).flatMap((image) => image.layers)) {
      if (await this.blobs.isWhole(descriptor.digest)) continue;
      await this.blobs.remove(descriptor.digest);
      any = true;
    }
    if (any) this.images.forget();
    return any;
  }

  startApart(): void {
    this.blobs.keepApart();
    this.images.forget();
  }
}

/**
 * Who we are to the registries that hold the caches of the build. A daemon is told of no others: nothing else of the build is in a registry, and it
 * may be somebody else's daemon.
 */
function credentialsFor({ cacheTo = [], cacheFrom = [] }: BuilderOptions, env: Env): RegistryCredentials {
  const hosts = new Set<string>();
  for (const { type, attrs } of [...cacheTo, ...cacheFrom])
    if (type === 'registry' && attrs.ref) hosts.add(parseReference(attrs.ref).domain);
  return async (asked) => {
    const host = asked === 'registry-1.docker.io' ? 'docker.io' : asked;
    const found = hosts.has(host) ? await findCredentials(host, env) : undefined;
    if (found?.kind === 'basic') return { username: found.username, secret: found.password };
    return found?.kind === 'identity-token' ? { username: '', secret: found.token } : undefined;
  };
}

/** What the cache of a build is known by: the repository of its first name, which is the same on every machine; else where the context is. */
function cacheName({ names, outputs }: BuildOptions, contextPath: string): string {
  const name = names?.[0] ?? outputs.flatMap((output) => output.names)[0];
  if (name === undefined) return contextPath;
  const { domain, path: repository } = parseReference(name);
  return `${domain}/${repository}`;
}
