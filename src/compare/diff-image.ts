/** Two images from the manifest down: media types, config, history, layers, and within a layer each entry. Equal digests end the search. */
import { createReadStream } from 'node:fs';
import { formatPlatform } from '../oci/platform.js';
import { compressionOf, peek } from './blob-bytes.js';
import type { CauseCode } from './causes.js';
import { diffJson, type JsonPath, showJson, showPath } from './diff-json.js';
import { diffLayers, diffListings } from './diff-layer.js';
import type { Difference } from './difference.js';
import type { ConfigJson, Document, OpenImage, OpenImages, OpenLayer } from './image.js';
import { listTar } from './layer-listing.js';
import { type Agreement, agreementOf, contentsAgree, type Levels } from './levels.js';

export interface ImageDiff {
  /** The images have one manifest digest; without a manifest, one image ID. */
  readonly identical: boolean;
  /** The uppermost level on which they are equal. */
  readonly agreement: Agreement;
  readonly levels: Levels;
  readonly differences: readonly Difference[];
}

/**
 * Compares two images, or two sets of images for several platforms.
 * @param around whether archives of one image are compared as well: its names in them, and other files around it
 */
export async function diffImages(a: OpenImages, b: OpenImages, { around = true } = {}): Promise<ImageDiff> {
  const { pairs, differences } = pairByPlatform(a, b);
  const all: Levels[] = [];
  for (const [x, y] of pairs) {
    const found = await diffPair(x, y);
    const platform = formatPlatform(x.platform);
    differences.push(...found.differences.map((d) => (pairs.length > 1 ? { ...d, platform } : d)));
    all.push(found.levels);
  }
  const every = (level: keyof Levels) => {
    if (all.some((levels) => levels[level] === false) || all.length < Math.max(a.images.length, b.images.length))
      return false;
    return all.some((levels) => levels[level] === undefined) ? undefined : true;
  };
  const indexes = diffIndexes(a, b);
  differences.push(...indexes);
  const archive = sameForm(a, b) ? a.archive!.digest === b.archive!.digest : undefined;
  const levels: Levels = {
    ...(archive !== undefined && { archive }),
    ...optional('manifest', indexes.length > 0 ? false : every('manifest')),
    config: every('config') ?? false,
    diffIDs: every('diffIDs') ?? false,
    contents: every('contents') ?? false,
  };
  const identical = levels.manifest ?? levels.config;
  if (archive === false && identical && around) differences.push(...(await diffArchives(a, b)));
  return { identical, agreement: agreementOf(levels), levels, differences };
}

/** Two indexes but for the digests in them; attestations, which no rebuild repeats, aside. */
function diffIndexes(a: OpenImages, b: OpenImages): Difference[] {
  if (!a.index || !b.index || a.index.digest === b.index.digest || a.others > 0 || b.others > 0) return [];
  const derived = (path: JsonPath) => path[0] === 'manifests' && (path[2] === 'digest' || path[2] === 'size');
  const found = diffJson(a.index.json, b.index.json, derived);
  if (a.images.length !== b.images.length) return [];
  return found.map((d) => difference(manifestCode(d.path), `index: ${showPath(d.path)}`, d.a, d.b));
}

/** Archives of two forms cannot be equal, which is no difference of the images. */
function sameForm(a: OpenImages, b: OpenImages): boolean {
  const hasManifest = ({ images }: OpenImages) => images.some((image) => image.manifest !== undefined);
  return a.archive !== undefined && b.archive !== undefined && a.form === b.form && hasManifest(a) === hasManifest(b);
}

function optional<K extends string>(key: K, value: boolean | undefined): { [P in K]?: boolean } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: boolean });
}

/** Images of one platform belong together; single ones do whatever their platforms are. */
function pairByPlatform(a: OpenImages, b: OpenImages) {
  const differences: Difference[] = [];
  if (a.images.length === 1 && b.images.length === 1)
    return { pairs: [[a.images[0]!, b.images[0]!]] as [OpenImage, OpenImage][], differences };
  const nameOf = (image: OpenImage) => formatPlatform(image.platform);
  const pairs: [OpenImage, OpenImage][] = [];
  for (const x of a.images) {
    const y = b.images.find((image) => nameOf(image) === nameOf(x));
    if (y) pairs.push([x, y]);
    else differences.push({ code: 'PlatformMissing', a: nameOf(x) });
  }
  for (const y of b.images)
    if (!a.images.some((x) => nameOf(x) === nameOf(y))) differences.push({ code: 'PlatformMissing', b: nameOf(y) });
  return { pairs, differences };
}

async function diffPair(a: OpenImage, b: OpenImage): Promise<{ levels: Levels; differences: Difference[] }> {
  const manifest = a.manifest && b.manifest ? a.manifest.digest === b.manifest.digest : undefined;
  const config = a.config.digest === b.config.digest;
  const diffIDs = equalLists(a.layers, b.layers);
  const differences: Difference[] = [];
  if (manifest !== true) {
    if (a.manifest && b.manifest) differences.push(...diffManifests(a, b));
    if (!config) differences.push(...diffConfigs(a, b));
    if (!diffIDs) differences.push(...(await diffLayerLists(a.layers, b.layers)));
    else {
      // which says more than the media type does
      const others = differences.filter((d) => d.code !== 'LayerCompression');
      differences.splice(0, differences.length, ...others, ...(await diffCompression(a.layers, b.layers)));
    }
    if (manifest === false && differences.length === 0) differences.push({ code: 'ManifestEncoding' });
  }
  const contents = diffIDs || (await contentsAgree(a.layers, b.layers, differences));
  return { levels: { ...optional('manifest', manifest), config, diffIDs, contents }, differences };
}

function equalLists(a: readonly OpenLayer[], b: readonly OpenLayer[]): boolean {
  return a.length === b.length && a.every((layer, i) => layer.diffID === b[i]!.diffID);
}

/** The manifest but for the digests in it, which follow from what they name. */
function diffManifests(a: OpenImage, b: OpenImage): Difference[] {
  const sameCount = a.layers.length === b.layers.length;
  const derived = (path: JsonPath) => {
    const last = path.at(-1);
    if (path[0] === 'layers') return !sameCount || (path.length === 3 && (last === 'digest' || last === 'size'));
    return path[0] === 'config' && path.length === 2 && (last === 'digest' || last === 'size');
  };
  const found = diffJson(a.manifest!.json, b.manifest!.json, derived).flatMap((d) => {
    const ofLayer = d.path[0] === 'layers' && d.path.at(-1) === 'mediaType';
    const form = ofLayer ? diffLayerTypes(String(d.a), String(d.b), Number(d.path[1]) + 1) : undefined;
    return form ?? [difference(manifestCode(d.path), showPath(d.path), d.a, d.b, d.path)];
  });
  const named = a.manifest!.mediaType !== b.manifest!.mediaType && !found.some((d) => d.field === 'mediaType');
  if (named) found.push(difference('MediaType', 'mediaType', a.manifest!.mediaType, b.manifest!.mediaType));
  return found;
}

/** A media type says whose it is, and how the layer is compressed; that is said of layers whose tars are equal anyway. */
function diffLayerTypes(a: string, b: string, layer: number): Difference[] | undefined {
  const split = (type: string) => /^(.*\.tar)(?:[.+](gzip|zstd))?$/.exec(type) ?? [];
  const [, familyA, compressionA] = split(a);
  const [, familyB, compressionB] = split(b);
  if (familyA === undefined || familyA !== familyB) return undefined;
  const show = (compression: string | undefined) => compression ?? 'uncompressed';
  return [{ code: 'LayerCompression', layer, field: 'type', a: show(compressionA), b: show(compressionB) }];
}

function manifestCode(path: JsonPath): CauseCode {
  if (path.at(-1) === 'mediaType') return 'MediaType';
  if (path.includes('annotations')) return 'Annotation';
  return 'ConfigField';
}

function diffConfigs(a: OpenImage, b: OpenImage): Difference[] {
  const apart = ['os', 'architecture', 'variant', 'rootfs.diff_ids', 'layerDigests'];
  const found = diffJson(a.config.json, b.config.json, (path) => apart.includes(showPath(path))).map((d) =>
    difference(configCode(d.path), showPath(d.path), d.a, d.b, d.path),
  );
  const [x, y] = [platformText(a.config.json), platformText(b.config.json)];
  if (x !== y) found.unshift({ code: 'Platform', field: 'the platform', a: x, b: y });
  const layersDiffer = !equalLists(a.layers, b.layers);
  if (found.length === 0 && !layersDiffer) found.push({ code: 'ConfigEncoding' });
  return found;
}

/** As the config has it: a variant that says nothing is a difference of bytes all the same. */
function platformText({ os, architecture, variant }: ConfigJson): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join('/');
}

function configCode([first, second, third]: JsonPath): CauseCode {
  if (first === 'created') return 'Epoch';
  if (first === 'history') return third === 'created' ? 'Epoch' : 'HistoryText';
  if (first === 'config' && second === 'Labels') return 'ConfigLabel';
  return 'ConfigField';
}

function difference(code: CauseCode, field: string, a: unknown, b: unknown, path: JsonPath = []): Difference {
  const layer = path[0] === 'layers' && typeof path[1] === 'number' ? { layer: path[1] + 1 } : {};
  const [x, y] = [showJson(a), showJson(b)];
  return { code, ...layer, field, ...(x !== undefined && { a: x }), ...(y !== undefined && { b: y }) };
}

/** Layers between two that are equal belong together in their order; what is left over on one side is a layer more. */
async function diffLayerLists(a: readonly OpenLayer[], b: readonly OpenLayer[]): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const [x, y] of alignLayers(a, b)) {
    if (x && y) found.push(...(await diffLayers(x.layer, y.layer, x.number)));
    else if (x) found.push({ code: 'LayerCount', layer: x.number, a: layerName(x.layer) });
    else if (y) found.push({ code: 'LayerCount', layer: y.number, b: layerName(y.layer) });
  }
  return found;
}

function layerName({ createdBy, diffID }: OpenLayer): string {
  return createdBy ?? diffID;
}

interface Numbered {
  readonly layer: OpenLayer;
  readonly number: number;
}

/** Pairs of unequal layers, by the longest common subsequence of the diff IDs. */
function alignLayers(
  a: readonly OpenLayer[],
  b: readonly OpenLayer[],
): readonly (readonly [Numbered | undefined, Numbered | undefined])[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i]![j] =
        a[i]!.diffID === b[j]!.diffID ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
  const pairs: (readonly [Numbered | undefined, Numbered | undefined])[] = [];
  let [left, right]: [Numbered[], Numbered[]] = [[], []];
  const flush = () => {
    for (let k = 0; k < Math.max(left.length, right.length); k++) pairs.push([left[k], right[k]]);
    [left, right] = [[], []];
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i]!.diffID === b[j]!.diffID) {
      flush();
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && table[i + 1]![j]! >= table[i]![j + 1]!)) {
      left.push({ layer: a[i]!, number: ++i });
    } else right.push({ layer: b[j]!, number: ++j });
  }
  flush();
  return pairs;
}

/** Layers with one diff ID and other bytes. */
async function diffCompression(a: readonly OpenLayer[], b: readonly OpenLayer[]): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const [i, x] of a.entries()) {
    const y = b[i]!;
    if (!x.descriptor || !y.descriptor || x.descriptor.digest === y.descriptor.digest) continue;
    found.push({ code: 'LayerCompression', layer: i + 1, a: await describeForm(x), b: await describeForm(y) });
  }
  return found;
}

async function describeForm(layer: OpenLayer): Promise<string> {
  const reading = layer.read()[Symbol.asyncIterator]();
  const { first, all } = await peek({ [Symbol.asyncIterator]: () => reading });
  try {
    // compressors are loaded where two layers differ in them alone
    const { describeCompression } = await import('./compression-level.js');
    return `${await describeCompression(compressionOf(first), all)}, ${layer.descriptor!.size} bytes`;
  } finally {
    await all.return(undefined);
  }
}

/** What is stated about one image, in the order of the index: all that there is to say of it is that it differs. */
function diffAttestations(a: OpenImages, b: OpenImages): Difference[] {
  if (a.others !== b.others) return [difference('Attestation', 'the number of attested images', a.others, b.others)];
  return a.attestations.flatMap(({ predicateType, digest }, i) => {
    const other = b.attestations[i]?.digest;
    return other === digest ? [] : [difference('Attestation', `the statement ${predicateType}`, digest, other)];
  });
}

/** Two archives of one image: what is around it. */
async function diffArchives(a: OpenImages, b: OpenImages): Promise<Difference[]> {
  const found = diffAttestations(a, b);
  if (found.length > 0) return found;
  const [x, y] = [a.images[0]?.named, b.images[0]?.named];
  for (const d of diffJson(x?.annotations ?? {}, y?.annotations ?? {})) {
    const key = String(d.path[0]);
    const code = /image\.(?:ref\.)?name$/.test(key) ? 'ImageName' : key.endsWith('.created') ? 'Epoch' : 'Annotation';
    found.push(difference(code, `index.json annotations[${JSON.stringify(key)}]`, d.a, d.b));
  }
  if (found.length > 0) return found;
  const read = (path: string) => createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
  const lists = [
    await listTar(read(a.archive!.path), a.reference),
    await listTar(read(b.archive!.path), b.reference),
  ] as const;
  const { differences, pairs } = diffListings(...lists);
  const places = [...differences, ...pairs.map((p): Difference => ({ code: 'FileContent', path: p.a.name }))];
  const [first] = places;
  if (!first) return [{ code: 'ArchiveLayout', field: 'tar headers' }];
  const where =
    first.code === 'FileMissing' ? { a: first.path! } : first.code === 'FileExtra' ? { b: first.path! } : {};
  return [{ code: 'ArchiveLayout', field: String(first.field ?? 'content'), path: first.path ?? '', ...where }];
}

/** The digests that name an image. */
export function digestsOf(image: OpenImage): { readonly manifest?: string; readonly config: string } {
  const { manifest, config }: { manifest?: Document<unknown>; config: Document<unknown> } = image;
  return { ...(manifest && { manifest: manifest.digest }), config: config.digest };
}
