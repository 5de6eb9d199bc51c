/** What a build is asked for, and what it answers. */
import type { AttestOptions } from '../attest/options.js';
import type { BuilderOptions } from '../buildkit/address.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { Annotation } from '../oci/annotations.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import type { CacheMiss } from '../progress/cache-miss.js';
import type { Emit } from '../progress/event.js';
import type { Digest } from '../util/digest.js';

/** Where a context comes from, as typed: a folder, `-` (a tar or a Dockerfile on standard input), `oci-layout://path[:tag|@digest]`. */
export type ContextSpec = string;

/** One `-o`: a type with its attributes, checked by cli/output-option.ts. */
export interface OutputSpec {
  readonly type: 'oci' | 'docker' | 'image' | 'wasm' | 'local' | 'tar' | 'cacheonly';
  /** A path, `-` for standard output, undefined for `cacheonly`, `image`, and what is loaded. */
  readonly dest?: string;
  /** false: a folder in place of a tar (`oci` only). */
  readonly tar: boolean;
  readonly names: readonly string[];
  readonly ociMediaTypes: boolean;
  readonly compression: 'gzip' | 'zstd' | 'uncompressed';
  /** Of gzip 0 to 9 (default 6), of zstd 0 to 22 (default 3). */
  readonly compressionLevel?: number;
  /** Of this output alone; those of the build win over them. */
  readonly annotations?: readonly Annotation[];
  /** Whether each platform has a folder of its own (`local` only); undefined: where there are several. */
  readonly platformSplit?: boolean;
  /** `image` and `wasm` only: pushes it to the registries of its names. Without it, the image is in the store, by name. */
  readonly push?: PushSpec;
  /** Attestations as OCI artifacts, which BuildKit writes by default since 0.31; undefined: in the form that all readers know. */
  readonly ociArtifact?: boolean;
  /** What stands in front of the names of attestations among files (`local` and `tar` only). */
  readonly attestationPrefix?: string;
  /** `docker` only, in place of `dest`: loads it into the running Docker. */
  readonly load?: LoadSpec;
}

/** Where an image is loaded. */
export interface LoadSpec {
  /** A Docker context by name; undefined: DOCKER_HOST, the current context, the default socket. */
  readonly context?: string;
}

/** How an image is pushed. */
export interface PushSpec {
  /** http, and certificates that nobody vouches for. */
  readonly insecure: boolean;
  /** Without tags. */
  readonly byDigest: boolean;
}

/** A `--cache-from`: a folder that --cache-to wrote. */
export interface CacheFrom {
  readonly type: 'local';
  readonly src: string;
}

/** A `--cache-to`: a folder that becomes the cache of this build. */
export interface CacheTo {
  readonly type: 'local';
  readonly dest: string;
  /** A cache that cannot be written is a warning, and not an error. */
  readonly ignoreError: boolean;
}

export interface BuildOptions {
  readonly context: ContextSpec;
  /** Path of the Dockerfile; `-` is standard input; undefined is `Dockerfile` in the context. */
  readonly file?: string;
  /** Named contexts by name, as typed. */
  readonly buildContexts?: Readonly<Record<string, ContextSpec>>;
  readonly target?: string;
  /** `os/arch[/variant]`, as typed; undefined is the platform of this machine (linux). */
  readonly platform?: string;
  /** Several, as typed: one image for each, and an index of them. Not beside `platform`. */
  readonly platforms?: readonly string[];
  /** Labels of the image config. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Of every output that is an image. */
  readonly annotations?: readonly Annotation[];
  /** What is to be attested of the images; nothing, unless asked for: an attestation makes an index of an image, which not every runtime takes. */
  readonly attest?: AttestOptions;
  readonly names?: readonly string[];
  readonly outputs: readonly OutputSpec[];
  /** Files and folders that are no part of a context, wherever they lie, as the destinations of outputs are not. */
  readonly leaveOut?: readonly string[];
  /** Seconds since 1970. */
  readonly epochSeconds: number;
  readonly noCache?: boolean;
  /** Folder of the store; undefined is the user's cache folder. */
  readonly cacheDir?: string;
  /** Caches to take layers from that the store does not have. */
  readonly cacheFrom?: readonly CacheFrom[];
  readonly cacheTo?: readonly CacheTo[];
  /** Says why each layer that is written was not in a cache: in the events, and in the result. */
  readonly explain?: boolean;
  /** For pushes and loads: HOME or DOCKER_CONFIG (credentials, contexts), PATH (credential helpers), HTTPS_PROXY, DOCKER_HOST and their like. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Builds on a BuildKit daemon, and not here. */
  readonly builder?: BuilderOptions;
  readonly stdin?: NodeJS.ReadableStream;
  readonly stdout?: NodeJS.WritableStream;
  readonly emit?: Emit;
  readonly report?: (diagnostic: Diagnostic) => void;
  readonly signal?: AbortSignal;
}

/** An image that was built. */
export interface BuiltImage {
  readonly platform: Platform;
  readonly manifest: Descriptor;
  /** The digest of the config, which is Docker's image ID. */
  readonly config: Descriptor;
  readonly diffIDs: readonly Digest[];
}

/** The image (the first, of several platforms), and what goes for all. */
export interface BuildResult extends BuiltImage {
  /** Of several platforms: the index, which names point at. */
  readonly index?: Descriptor;
  /** One for each platform. */
  readonly images: readonly BuiltImage[];
  readonly warnings: readonly Diagnostic[];
  readonly counters: BuildCounters;
  /** Under `explain`: the layers that were written, bottom first, and why. */
  readonly misses?: readonly LayerMiss[];
}

export interface LayerMiss {
  /** The step: `[2/3] COPY a /`. */
  readonly step: string;
  readonly miss: CacheMiss;
}

/** What a build had to do, which tells what the cache saved. */
export interface BuildCounters {
  /** Layers that were written. */
  readonly built: number;
  /** Layers that were in the store. */
  readonly cached: number;
  /** Layers that were taken from a --cache-from. */
  readonly imported: number;
  /** Files, and their bytes, that were read only to learn whether a layer is in the store. */
  readonly hashedFiles: number;
  readonly hashedBytes: number;
  /** Files, and their bytes, that were read to write layers. */
  readonly packedFiles: number;
  readonly packedBytes: number;
  /** Bytes that were compressed. */
  readonly compressedBytes: number;
}
