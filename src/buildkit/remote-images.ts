/**
 * The images of a build that is solved on a daemon: it makes the layers that a local build writes, and sends them. The image around them is
 * put together here, as in a local build, and the daemon's own must be the same.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { ContentDigests } from '../context/content-digests.js';
import type { Context } from '../context/open-context.js';
import { readTarTree, type Spool } from '../context/tar-context.js';
import { BuildError, fail } from '../diagnostic/build-error.js';
import type { Diagnostic, Report, SourceRange } from '../diagnostic/diagnostic.js';
import { layerVertices } from '../llb/layer-vertices.js';
import { mapSources } from '../llb/map-sources.js';
import { CAPS_SINCE, capsOf, type DefinitionSource, listVertices, marshalDefinition } from '../llb/marshal.js';
import type { Vertex } from '../llb/op.js';
import { assembleImage, type ImageConfig, imageConfigJson } from '../oci/assemble.js';
import type { Layer } from '../oci/image.js';
import type { Emit } from '../progress/event.js';
import { type DirectoryNode, EMPTY_TREE, walkTree } from '../snapshot/file-tree.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import type { BuilderAddress, TypedAttrs } from './address.js';
import { orderBuilders } from './choose-builder.js';
import { BuilderClient, checkVersion } from './client.js';
import type { SharedContext } from './file-sync.js';
import type { LocalCaches } from './local-caches.js';
import { ArchiveNeededAgain, type ReceivedImage, receiveImage } from './receive-layers.js';
import { type Credentials, Session } from './session.js';
import { SolveError, solve } from './solve.js';

/** How layers are stored. */
export interface LayerForm {
  readonly compression: string;
  readonly compressionLevel?: number;
}

/** One platform of a build. */
export interface RemotePlatform {
  /** The root filesystem; undefined for one without files. */
  readonly result: Vertex | undefined;
  readonly config: ImageConfig;
  readonly contexts: ReadonlyMap<string, Context>;
}

export interface RemoteImagesOptions {
  readonly addresses: readonly BuilderAddress[];
  /** What the cache of this build is known by: it chooses the builder. */
  readonly cacheName: string;
  /** Of the main context: what the daemon keeps of its files is found by it. */
  readonly contextPath: string;
  readonly platforms: readonly RemotePlatform[];
  readonly source: DefinitionSource;
  readonly digests: ContentDigests;
  readonly blobs: BuildBlobs;
  readonly credentials: Credentials;
  readonly epochSeconds: number;
  readonly noCache: boolean;
  readonly caches: LocalCaches;
  readonly emit: Emit;
  readonly report: Report;
  readonly signal: AbortSignal | undefined;
  /** A folder for temporary files. */
  readonly scratch: string;
  /** Solves the graph here, without writing anything: throws the error that a local build gives, if it gives one. */
  readonly explain: () => Promise<unknown>;
}

/** What a daemon made for a platform. */
export interface MadeLayers {
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** The cache that goes into the config, with `type=inline`: base64, as the daemon wrote it. */
  readonly inlineCache?: string;
}

/** With these, another builder may do. */
const ANOTHER = ['BuilderUnreachable', 'BuilderLost', 'BuilderUntrusted', 'BuilderTooOld'];

export class RemoteImages {
  readonly #options: RemoteImagesOptions;
  /** By platform and form. */
  readonly #made = new Map<string, Promise<MadeLayers>>();
  readonly #builders: BuilderAddress[];
  #client: BuilderClient | undefined;
  /** By platform: the contexts of one are not those of another, and a daemon takes the files of a session for the same in all of it. */
  readonly #sessions = new Map<RemotePlatform, Session>();
  readonly #shared = new Map<RemotePlatform, readonly SharedContext[]>();
  #spool: Spool | undefined;
  /** Platforms whose steps were told already: a further solve for another form tells nothing new. */
  readonly #told = new Set<RemotePlatform>();
  /** Layers, by whether the daemon had them. */
  readonly counters = { built: 0, cached: 0 };

  constructor(options: RemoteImagesOptions) {
    this.#options = options;
    this.#builders = orderBuilders(options.addresses, options.cacheName);
  }

  /** The layers of a platform. Platforms that have the same graph have the same layers. @throws BuildError; the reason of the signal */
  layers(platform: RemotePlatform, form: LayerForm): Promise<MadeLayers> {
    const first = this.#options.platforms.find(({ result }) => result?.digest === platform.result?.digest)!;
    const index = this.#options.platforms.indexOf(first);
    const key = JSON.stringify([index, form.compression, form.compressionLevel]);
    const known = this.#made.get(key) ?? this.#solve(first, form);
    this.#made.set(key, known);
    return known;
  }

  /** The root filesystem that layers make. */
  async tree(layers: readonly Layer[]): Promise<DirectoryNode> {
    const spool = await this.#openSpool();
    let tree = EMPTY_TREE;
    for (const { descriptor } of layers) {
      const label = `the layer ${descriptor.digest}`;
      tree = await readTarTree(this.#options.blobs.read(descriptor.digest), tree, { spool, label, layer: true });
    }
    return tree;
  }

  /** Forgets all layers; the next that are asked for are received again. */
  forget(): void {
    this.#made.clear();
  }

  async close(): Promise<void> {
    this.#disconnect();
    await this.#spool?.handle.close();
  }

  /** On the first builder that answers, and stays to the end. */
  async #solve(platform: RemotePlatform, form: LayerForm): Promise<MadeLayers> {
    for (let again = 0; ; ) {
      try {
        return await this.#solveOn(await this.#connect(), platform, form);
      } catch (error) {
        if (error instanceof ArchiveNeededAgain && again++ === 0) continue;
        if (!isFor(error, ANOTHER) || this.#builders.length <= 1) throw error;
        this.#disconnect();
        this.#builders.shift();
        for (const d of error.diagnostics)
          this.#options.report({ ...d, severity: 'warning', hint: `going on with ${this.#builders[0]!.shown}` });
      }
    }
  }

  async #solveOn(client: BuilderClient, platform: RemotePlatform, form: LayerForm): Promise<MadeLayers> {
    const { source, blobs, signal, caches, emit, epochSeconds } = this.#options;
    const { cacheTo, cacheFrom } = caches.told;
    const contexts = this.#contextsOf(platform);
    const older = await areOlder(contexts, epochSeconds).catch((error) => this.#explainOwn(error));
    const noCache = this.#options.noCache || older;
    const session = await this.#sessionOf(client, platform);
    const result = ofSession(platform.result, session);
    const first = !this.#told.has(platform);
    let received: ReceivedImage | undefined;
    const solving = solve(client, session, {
      definition: marshalDefinition(result, source, { noCache, allCaps: true }),
      exporter: { type: 'oci', attrs: this.#attrs(platform, form) },
      receive: async (bytes) => {
        received = await receiveImage(bytes, blobs);
      },
      // a cache is written once, but for one that is in the image
      cacheTo: first ? cacheTo : cacheTo.filter(isInline),
      cacheFrom,
      emit: first ? emit : () => undefined,
      signal,
    });
    const { cached, response } = await solving.catch((error) => this.#explain(error, result));
    if (!received)
      return fail({
        code: 'BuilderFailed',
        message: `the builder ${client.address.shown} sent no image`,
        hint: 'build again; if it stays like that, see the log of the builder',
      });
    this.#told.add(platform);
    if (first && result)
      for (const digest of layerVertices(result)) this.counters[cached.has(digest) ? 'cached' : 'built']++;
    const { layers } = received;
    const inlineCache = cacheTo.some(isInline) ? received.inlineCache : undefined;
    this.#check(client, { ...platform.config, ...(inlineCache !== undefined && { inlineCache }) }, received);
    if (first) await caches.list(response['cache.manifest']);
    return { layers, ...(inlineCache !== undefined && { inlineCache }) };
  }

  /**
   * What makes the daemon's image ours: the config of the Dockerfile, which a frontend would have given, and what BuildKit is told for
   * reproducible images.
   * @see moby/buildkit exporter/containerimage/opts.go, exporter/containerimage/exptypes/keys.go
   */
  #attrs({ config }: RemotePlatform, { compression, compressionLevel }: LayerForm): Record<string, string> {
    const { epochSeconds } = this.#options;
    return {
      'containerimage.config': imageConfigJson(config, epochSeconds),
      'source-date-epoch': String(epochSeconds),
      'rewrite-timestamp': 'true',
      'oci-mediatypes': 'true',
      compression,
      ...(compressionLevel !== undefined && { 'compression-level': String(compressionLevel) }),
      'force-compression': 'true',
    };
  }

  /** The image that the daemon made of its layers must be the one that we make of them. */
  #check({ address }: BuilderClient, config: ImageConfig, { manifest, layers }: ReceivedImage): void {
    const { epochSeconds } = this.#options;
    const ours = assembleImage(config, layers, { epochSeconds, ociMediaTypes: true }).manifest.descriptor.digest;
    if (manifest === ours) return;
    fail({
      code: 'BuilderFailed',
      message: `the builder ${address.shown} made another image than a local build: ${manifest}, not ${ours}`,
      hint: 'leave --builder out, or use another version of BuildKit',
    });
  }

  async #connect(): Promise<BuilderClient> {
    if (this.#client) return this.#client;
    this.#options.signal?.throwIfAborted();
    const client = await BuilderClient.connect(this.#builders[0]!);
    try {
      checkVersion(client.address, await client.info());
    } catch (error) {
      client.close();
      throw error;
    }
    this.#client = client;
    return client;
  }

  async #sessionOf(client: BuilderClient, platform: RemotePlatform): Promise<Session> {
    const known = this.#sessions.get(platform);
    if (known) return known;
    const { digests, credentials, contextPath, caches } = this.#options;
    const sharedKey = createHash('sha256').update(`${hostname()}\0${contextPath}`).digest('hex');
    const contexts = this.#contextsOf(platform);
    const session = await Session.open(client, { contexts, digests, credentials, sharedKey, folders: caches.folders });
    this.#sessions.set(platform, session);
    return session;
  }

  #contextsOf(platform: RemotePlatform): readonly SharedContext[] {
    const known = this.#shared.get(platform) ?? sharedOf(platform);
    this.#shared.set(platform, known);
    return known;
  }

  #disconnect(): void {
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
    this.#client?.close();
    this.#client = undefined;
  }

  /** What cannot be read here has words only where a local build stumbles over it. */
  async #explainOwn(error: unknown): Promise<never> {
    if (!(error instanceof BuildError)) await this.#options.explain();
    throw error;
  }

  /** What the daemon says is wrong, as a local build says it: with the words of that where it fails too, else at the place in the Dockerfile. */
  async #explain(error: unknown, result: Vertex | undefined): Promise<never> {
    if (!(error instanceof SolveError)) throw error;
    await this.#options.explain();
    const { message } = error;
    const range = rangeOf(error, result, this.#options.source);
    const place = range ? { range } : {};
    const { shown } = this.#builders[0]!;
    // of a daemon that does not know it, and of one that knows it and has it switched off
    const [, capability] = /(?:unknown API capability|requested (?:\S+ )?feature) (\S+)/.exec(message) ?? [];
    if (capability !== undefined) return tooOldFor(capability, shown, { result, cause: error });
    if (/contains value with non-printable ASCII characters/.test(message)) {
      const message = `the builder ${shown} cannot be told a name with a control character in it: BuildKit has no way to send one`;
      const hint = 'rename what COPY or the ignore file names so, or leave --builder out';
      fail({ code: 'BuilderFailed', message, hint }, error);
    }
    const hint = /exporter "?oci"? could not be found/.test(message)
      ? 'turn on the containerd image store of Docker (features: containerd-snapshotter), or name a BuildKit daemon'
      : range
        ? 'a local build finds nothing wrong with it: leave --builder out, or see the log of the builder'
        : 'see the log of the builder';
    return fail({ code: 'BuilderFailed', message: `the builder ${shown} says: ${message}`, hint, ...place }, error);
  }

  async #openSpool(): Promise<Spool> {
    if (this.#spool) return this.#spool;
    const file = path.join(this.#options.scratch, 'layers');
    this.#spool = { path: file, handle: await open(file, 'wx+', 0o600), size: 0 };
    return this.#spool;
  }
}

/**
 * A graph whose sources belong to one session. A daemon solves a vertex once for all who ask at a time, and two builds at once may well read
 * different files under one name; what is cached later is told apart by content.
 */
function ofSession(result: Vertex | undefined, { id }: Session): Vertex | undefined {
  return mapSources(result, (op) => ({ ...op, attrs: { ...op.attrs, 'local.session': id } }));
}

/** The steps that need what a daemon does not know. */
function tooOldFor(
  capability: string,
  shown: string,
  { result, cause }: { result: Vertex | undefined; cause: SolveError },
): never {
  const steps = listVertices(result).filter(({ op, metadata }) =>
    [...metadata.caps, ...capsOf(op)].includes(capability),
  );
  const message = `the BuildKit of ${shown} is too old for this step: it has no ${capability}`;
  const since = CAPS_SINCE[capability];
  const hint = `update it${since === undefined ? '' : ` to BuildKit ${since} or newer`}, or leave --builder out`;
  const places = steps.flatMap(({ metadata }) => metadata.ranges.slice(0, 1));
  const diagnostics = (places.length > 0 ? places : [undefined]).map((range): Diagnostic => {
    return { code: 'BuilderTooOld', severity: 'error', message, hint, ...(range && { range }) };
  });
  throw new BuildError(diagnostics, { cause });
}

/** The contexts that a graph reads, cut down to what it reads of them; each is listed once. */
function sharedOf({ result, contexts }: RemotePlatform): SharedContext[] {
  const shared: SharedContext[] = [];
  for (const { op } of listVertices(result)) {
    if (op.kind !== 'source') continue;
    const name = op.identifier.replace(/^local:\/\//, '');
    const context = contexts.get(name);
    if (!context) throw new Error(`no context ${op.identifier}`);
    const list = (key: string): string[] => (op.attrs[key] === undefined ? [] : JSON.parse(op.attrs[key]));
    const filter = { followPaths: list('local.followpaths'), excludes: list('local.excludepatterns') };
    let tree: Promise<DirectoryNode> | undefined;
    shared.push({ name, ...filter, tree: () => (tree ??= context.readTree(filter)) });
  }
  return shared;
}

/**
 * Whether a context has times before the epoch, which layers keep. A daemon's cache leaves times out of account: it would give the times of an
 * earlier build, and so must not be asked. Later times all become the epoch.
 */
async function areOlder(contexts: readonly SharedContext[], epochSeconds: number): Promise<boolean> {
  for (const context of contexts)
    for (const [, { mtime }] of walkTree(await context.tree())) if (mtime < epochSeconds) return true;
  return false;
}

/** Where in the Dockerfile the vertex stands that failed, or the lines that the daemon names by our source map. */
function rangeOf(
  { details }: SolveError,
  result: Vertex | undefined,
  { file, text }: DefinitionSource,
): SourceRange | undefined {
  const metadata = listVertices(result).find((v) => v.digest === details.vertex)?.metadata;
  const action = details.action === undefined ? undefined : metadata?.actionRanges?.[details.action];
  const own = action ?? metadata?.ranges[0];
  if (own || !details.lines) return own;
  const { start, end } = details.lines;
  const last = Buffer.from(text).toString('utf8').split('\n')[end - 1] ?? '';
  return { file, start: { line: start, column: 1 }, end: { line: end, column: last.length + 1 } };
}

/** @see moby/buildkit cache/remotecache/inline */
export function isInline({ type }: TypedAttrs): boolean {
  return type === 'inline';
}

function isFor(error: unknown, codes: readonly string[]): error is BuildError {
  return error instanceof BuildError && error.diagnostics.some(({ code }) => codes.includes(code));
}
