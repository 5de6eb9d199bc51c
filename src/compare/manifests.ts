/** Manifests and indexes of a source → the images that they describe. */
import { BuildError, errnoOf } from '../diagnostic/build-error.js';
import { isAttestation, PREDICATE_TYPE, REFERENCE_DIGEST } from '../oci/attestation.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { formatPlatform, normalizePlatform } from '../oci/platform.js';
import { type Digest, parseDigest, sha256 } from '../util/digest.js';
import { checked, gather, invalidImage, parseJson } from './blob-bytes.js';
import type {
  ConfigJson,
  Document,
  ImageSource,
  ManifestJson,
  OpenAttestation,
  OpenImage,
  OpenImages,
  OpenLayer,
} from './image.js';
import { isModule } from './layer-entries.js';

interface IndexJson extends ManifestJson {
  readonly manifests?: readonly Descriptor[];
}

/** How deep an index may lie in an index. */
const MAX_DEPTH = 4;

/** The images below some manifests or indexes, each once. `others` counts attestations and the like. */
export async function readImages(
  source: ImageSource,
  roots: readonly Descriptor[],
  label: string,
): Promise<Pick<OpenImages, 'images' | 'index' | 'others' | 'attestations'>> {
  const images = new Map<Digest, OpenImage>();
  let others = 0;
  const attestations: OpenAttestation[] = [];
  let index: Document<object> | undefined;
  const walk = async (named: Descriptor, depth: number): Promise<void> => {
    const digest = digestOf(named, label);
    if (isAttestation(named)) {
      others++;
      attestations.push(...(await readAttestation(source, { ...named, digest }, label)));
      return;
    }
    if (images.has(digest)) return;
    const document = await readJson<IndexJson>(source, { ...named, digest }, label);
    if (document.json.manifests) {
      if (roots.length === 1) index ??= document;
      if (depth > MAX_DEPTH) invalidImage(`${label} has an index within an index, ${depth} deep`);
      for (const child of document.json.manifests) await walk(child, depth + 1);
      return;
    }
    images.set(digest, await readImage(source, named, document, label));
  };
  for (const root of roots) await walk(root, 0);
  return { images: [...images.values()], others, attestations, ...(index && { index }) };
}

/** What a manifest of statements lists; nothing where it is not there: archives of one platform may leave it out. */
async function readAttestation(source: ImageSource, named: Descriptor, label: string): Promise<OpenAttestation[]> {
  const subject = named.annotations?.[REFERENCE_DIGEST] ?? '';
  try {
    const { json } = await readJson<ManifestJson>(source, named, label);
    return (json.layers ?? []).map(({ annotations, digest, size }) => {
      return { subject, predicateType: annotations?.[PREDICATE_TYPE] ?? '', digest, size };
    });
  } catch (error) {
    if (error instanceof BuildError || errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readImage(
  source: ImageSource,
  named: Descriptor,
  manifest: Document<ManifestJson>,
  label: string,
): Promise<OpenImage> {
  const { config: configAt, layers: list } = manifest.json;
  if (!configAt) invalidImage(`the manifest ${manifest.digest} of ${label} has no config`);
  const config = await readJson<ConfigJson>(source, { ...configAt, digest: digestOf(configAt, label) }, label);
  const steps = layerSteps(config.json);
  const layers = (list ?? []).map((given, i): OpenLayer => {
    const descriptor = { ...given, digest: digestOf(given, label) };
    const read = () => checked(source.read(descriptor), descriptor.digest, label);
    // the module of an artifact is stored as it is, and its config has no diff IDs
    const diffID = isModule({ descriptor }) ? descriptor.digest : (config.json.rootfs?.diff_ids?.[i] ?? '');
    return { descriptor, diffID, ...steps[i], read };
  });
  return { form: source.form, platform: platformOf(config.json), named, manifest, config, layers };
}

/** What the history says of each layer, bottom first. */
export function layerSteps({ history }: ConfigJson): readonly { readonly createdBy?: string }[] {
  const steps = (history ?? []).filter((step) => !step.empty_layer);
  return steps.map(({ created_by }) => (created_by === undefined ? {} : { createdBy: created_by }));
}

/** The platform that a config says. */
export function platformOf({ os, architecture, variant }: ConfigJson): Platform {
  return normalizePlatform({ os: os ?? '', architecture: architecture ?? '', ...(variant && { variant }) });
}

async function readJson<T>(source: ImageSource, descriptor: Descriptor, label: string): Promise<Document<T>> {
  const { digest } = descriptor;
  const what = `the blob ${digest} of ${label}`;
  const bytes = await gather(checked(source.read(descriptor), digest, label), what);
  const json = parseJson<T>(bytes, what);
  const mediaType = (json as { readonly mediaType?: string }).mediaType ?? descriptor.mediaType;
  return { digest, bytes, json, ...(mediaType && { mediaType }) };
}

/** The config of an image that comes without a manifest. */
export function looseConfig(bytes: Buffer, what: string): Document<ConfigJson> {
  return { digest: sha256(bytes), bytes, json: parseJson<ConfigJson>(bytes, what) };
}

function digestOf({ digest }: { readonly digest?: string }, label: string): Digest {
  try {
    return parseDigest(digest ?? '');
  } catch (error) {
    return invalidImage(`${label} has a descriptor without a sha256 digest`, error);
  }
}

const REF_NAME = 'org.opencontainers.image.ref.name';
const IMAGE_NAME = 'io.containerd.image.name';

/** What index.json calls a manifest. */
function namesOf({ annotations }: Descriptor): string[] {
  return [annotations?.[IMAGE_NAME], annotations?.[REF_NAME]].filter((name) => name !== undefined);
}

/** Whether a name is the one that was typed: all of it, its end from a slash on, or its tag. */
export function isNamed(name: string, wanted: string): boolean {
  return name === wanted || name.endsWith(`:${wanted}`) || name.endsWith(`/${wanted}`);
}

/**
 * The manifests that index.json lists, all of them or those of one name or digest. Where several images are left that nothing tells apart,
 * that is an error: a comparison must not pick one.
 */
export function chooseRoots(manifests: readonly Descriptor[], wanted: Wanted, label: string): readonly Descriptor[] {
  const named = manifests.filter((m) => {
    if (wanted.digest !== undefined) return m.digest === wanted.digest;
    if (wanted.tag === undefined) return true;
    return namesOf(m).some((name) => isNamed(name, wanted.tag!));
  });
  // an archive that is an image for one platform and one name each: several names of one image are one root
  const roots = [...new Map(named.map((m) => [m.digest, m])).values()];
  const known = () => {
    const names = [...new Set(manifests.map((m) => namesOf(m).at(-1) ?? `@${m.digest}`))];
    return names.length === 0 ? 'its index.json lists none' : `it has ${names.slice(0, 8).join(', ')}`;
  };
  if (roots.length === 0) invalidImage(`${label} has no image${describe(wanted)}`, undefined, known());
  const platforms = roots.map((m) => (m.platform ? formatPlatform(m.platform) : m.mediaType === MEDIA_TYPES.index));
  if (roots.length > 1 && new Set(platforms).size < roots.length && !roots.some(isAttestation)) {
    invalidImage(
      `${label} has several images${describe(wanted)}`,
      undefined,
      `${known()}; name one with :tag or @digest`,
    );
  }
  return roots;
}

/** Which image of several is meant. */
export interface Wanted {
  readonly tag?: string;
  readonly digest?: string;
}

function describe({ tag, digest }: Wanted): string {
  if (digest !== undefined) return ` @${digest}`;
  return tag === undefined ? '' : ` :${tag}`;
}
