/**
 * How an image was made, as SLSA's predicate with the fields that BuildKit gives it; docs/attestations.md has a row for each.
 *
 * It is a function of what the image is a function of, and so leaves out what BuildKit takes from the clock, from chance and from the machine: the
 * times, the id of the invocation, the platform of the builder, the repository around the context. Contexts have digests here, which BuildKit does
 * not take; so nothing is missing among the materials.
 * @see https://slsa.dev/spec/v1.1/provenance, https://slsa.dev/spec/v0.2/provenance
 * @see moby/buildkit solver/llbsolver/provenance.go, solver/llbsolver/provenance/{predicate.go,types/types.go}
 */
import type { Vertex } from '../llb/op.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../util/digest.js';
import type { Json } from '../util/go-json.js';
import { compareBytes } from '../util/text.js';
import { BuildSteps } from './build-config.js';
import type { Material } from './materials.js';
import type { ProvenanceOptions } from './options.js';

const BUILD_TYPE = {
  v1: 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md',
  'v0.2': 'https://mobyproject.org/buildkit@v1',
} as const;

/** The type of the predicate, by version. */
export const PROVENANCE_TYPES = {
  v1: 'https://slsa.dev/provenance/v1',
  'v0.2': 'https://slsa.dev/provenance/v0.2',
} as const;

/** What was asked of the build, beside the Dockerfile and its contexts. */
export interface BuildRequest {
  /** The name of the Dockerfile, without its folder. */
  readonly filename: string;
  readonly dockerfile: Uint8Array;
  readonly target: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly epochSeconds: number;
  /** Names of the contexts, the main one as `context`, with how they are given: `local`, `oci-layout`. */
  readonly contexts: ReadonlyMap<string, string>;
}

export interface ProvenanceInput {
  readonly request: BuildRequest;
  readonly result: Vertex | undefined;
  readonly materials: readonly Material[];
  /** The layers of the image, bottom first, each with the vertex that made it; none where the output has no layers. */
  readonly layers: readonly { readonly vertex: Digest; readonly descriptor: Descriptor }[];
}

/** The predicate. */
export function provenancePredicate(input: ProvenanceInput, options: ProvenanceOptions): Json {
  const facts = gather(input, options);
  return options.version === 'v1' ? predicateV1(facts, options) : predicateV02(facts, options);
}

interface Facts {
  readonly filename: string;
  readonly request: Json;
  /** Whether all that was asked is said. */
  readonly complete: boolean;
  readonly materials: Json;
  readonly buildConfig: { readonly llbDefinition?: Json; readonly digestMapping?: Json } | undefined;
  readonly metadata: Json;
}

function gather({ request, result, materials, layers }: ProvenanceInput, { mode }: ProvenanceOptions): Facts {
  const steps = new BuildSteps(result);
  const all = requestArgs(request);
  // as in BuildKit: the values of arguments and labels may be nobody's business
  const args = mode === 'max' ? all : all.filter(([key]) => !/^(?:build-arg|label):/.test(key));
  const locals = [...request.contexts].filter(([, kind]) => kind === 'local').map(([name]) => name);
  const names = [...new Set(['context', 'dockerfile', ...locals])].sort(compareBytes);
  return {
    filename: request.filename,
    request: {
      frontend: 'dockerfile.v0',
      args: args.length > 0 ? new Map<string, Json>(args) : undefined,
      locals: names.map((name) => ({ name })),
    },
    complete: args.length === all.length,
    materials: materials.map(({ uri, digest }) => ({ uri, digest: new Map<string, Json>(Object.entries(digest)) })),
    buildConfig: mode === 'max' ? steps.buildConfig() : undefined,
    metadata: mode === 'max' ? { source: sourceMap(request, result, steps), layers: layerMap(layers, steps) } : {},
  };
}

/** The options as the frontend of BuildKit knows them, by name in byte order. The platform is that of the subject, and not repeated here. */
function requestArgs({ target, labels, epochSeconds, contexts }: BuildRequest): [string, string][] {
  const named = [...contexts].filter(([name]) => name !== 'context');
  const args: [string, string][] = [
    ['build-arg:SOURCE_DATE_EPOCH', String(epochSeconds)],
    ...named.map(([name, kind]): [string, string] => [`context:${name}`, `${kind}:${name}`]),
    ...Object.entries(labels).map(([key, value]): [string, string] => [`label:${key}`, value]),
    ...(target === undefined ? [] : [['target', target] as [string, string]]),
  ];
  return args.sort((a, b) => compareBytes(a[0], b[0]));
}

function sourceMap(
  { filename, dockerfile }: BuildRequest,
  result: Vertex | undefined,
  steps: BuildSteps,
): Json | undefined {
  if (!result) return undefined;
  const locations = steps.locations();
  return {
    locations: locations.size > 0 ? locations : undefined,
    infos: [{ filename, language: 'Dockerfile', data: Buffer.from(dockerfile).toString('base64') }],
  };
}

/** By step: what it is made of, bottom first, as the image has it. */
function layerMap(layers: ProvenanceInput['layers'], steps: BuildSteps): Json | undefined {
  const descriptors = layers.map(({ descriptor: { mediaType, digest, size } }) => ({ mediaType, digest, size }));
  const found = layers.map(({ vertex }, i) => [`${steps.id(vertex)}:0`, [descriptors.slice(0, i + 1)]] as const);
  return layers.length > 0 ? new Map<string, Json>([...found].sort((a, b) => compareBytes(a[0], b[0]))) : undefined;
}

/** Fields in the order in which Go writes BuildKit's structs; `internalParameters` passes through maps there, and is sorted. */
function predicateV1(facts: Facts, { builderId, reproducible }: ProvenanceOptions): Json {
  return {
    buildDefinition: {
      buildType: BUILD_TYPE.v1,
      resolvedDependencies: facts.materials,
      externalParameters: { configSource: { path: facts.filename }, request: facts.request },
      internalParameters: sortKeys({ buildConfig: facts.buildConfig }),
    },
    runDetails: {
      builder: { id: builderId },
      metadata: {
        buildkit_metadata: facts.metadata,
        buildkit_hermetic: true,
        buildkit_completeness: { request: facts.complete, resolvedDependencies: true },
        buildkit_reproducible: reproducible || undefined,
      },
    },
  };
}

function predicateV02(facts: Facts, { builderId, reproducible }: ProvenanceOptions): Json {
  return {
    builder: { id: builderId },
    buildType: BUILD_TYPE['v0.2'],
    materials: facts.materials,
    invocation: {
      configSource: { entryPoint: facts.filename },
      parameters: facts.request,
      environment: {},
    },
    buildConfig: facts.buildConfig,
    metadata: {
      completeness: { parameters: facts.complete, environment: true, materials: true },
      reproducible,
      'https://mobyproject.org/buildkit@v1#metadata': facts.metadata,
      'https://mobyproject.org/buildkit@v1#hermetic': true,
    },
  };
}

/** Objects with their keys in byte order, at every depth. */
function sortKeys(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(sortKeys);
  const entries = value instanceof Map ? [...(value as ReadonlyMap<string, Json>)] : Object.entries(value);
  const present = entries.filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return new Map(present.sort((a, b) => compareBytes(a[0], b[0])).map(([key, field]) => [key, sortKeys(field)]));
}
