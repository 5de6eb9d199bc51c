/**
 * Config and layers → image, images → index: the JSON of config, manifest and index, byte for byte as BuildKit writes it (the config alone
 * not indented).
 * @see moby/buildkit exporter/containerimage/writer.go (patchImageConfig, commitDistributionManifest, Commit)
 */

import { sha256 } from '../util/digest.js';
import { goJson, type Json } from '../util/go-json.js';
import { type Annotation, annotationsFor, sortedMap } from './annotations.js';
import type { Descriptor, Platform } from './descriptor.js';
import type { AttestationManifest, Blob, Image, Index, Layer } from './image.js';
import { MEDIA_TYPES } from './media-types.js';

/** What an image says besides its layers. */
export interface ImageConfig {
  readonly platform: Platform;
  readonly env: readonly string[];
  readonly workingDir: string;
  /** undefined or empty: none. */
  readonly entrypoint: readonly string[] | undefined;
  readonly history: readonly { readonly createdBy: string; readonly emptyLayer: boolean }[];
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The cache of the daemon that made the layers, where it is to be part of the image: base64. */
  readonly inlineCache?: string;
}

/** The field of a config that holds it. */
export const INLINE_CACHE = 'moby.buildkit.cache.v0';

export interface AssembleOptions {
  readonly epochSeconds: number;
  /** false: Docker's media types. */
  readonly ociMediaTypes: boolean;
  /** Of all levels; those of `manifest` and `manifest-descriptor` are written. */
  readonly annotations?: readonly Annotation[];
  /** Whether the image is one of several: to BuildKit, annotations for one platform exist only there. */
  readonly inIndex?: boolean;
}

/** Makes the image of a config and its layers, bottom first. */
export function assembleImage(config: ImageConfig, layers: readonly Layer[], options: AssembleOptions): Image {
  const { ociMediaTypes, annotations: given = [] } = options;
  const platform = options.inIndex ? config.platform : undefined;
  const converted = ociMediaTypes ? layers : layers.map(withDockerType);
  const configType = ociMediaTypes ? MEDIA_TYPES.config : MEDIA_TYPES.dockerConfig;
  const configBlob = jsonBlob(configType, goJson(configJson(config, layers, options.epochSeconds)));
  // what BuildKit's rewriting of timestamps leaves on a layer; Docker's media types have no annotations
  const annotations = ociMediaTypes ? { 'buildkit/rewritten-timestamp': String(options.epochSeconds) } : undefined;
  const mediaType = ociMediaTypes ? MEDIA_TYPES.manifest : MEDIA_TYPES.dockerManifest;
  const json: Json = {
    schemaVersion: 2,
    mediaType,
    config: descriptorJson(configBlob.descriptor),
    layers: converted.length === 0 ? null : converted.map((l) => ({ ...descriptorJson(l.descriptor), annotations })),
    annotations: sortedMap(annotationsFor(given, 'manifest', platform)),
  };
  const manifest = jsonBlob(mediaType, goJson(json, 2), annotationsFor(given, 'manifest-descriptor', platform));
  return { platform: config.platform, config: configBlob, manifest, layers: converted };
}

/**
 * Makes the index of images that {@link assembleImage} made with `inIndex`.
 * @param attestations what is said of the images, in their order; they are listed behind all of them
 */
export function assembleIndex(
  images: readonly Image[],
  { ociMediaTypes, annotations = [] }: Pick<AssembleOptions, 'ociMediaTypes' | 'annotations'>,
  attestations: readonly AttestationManifest[] = [],
): Index {
  const mediaType = ociMediaTypes ? MEDIA_TYPES.index : MEDIA_TYPES.dockerManifestList;
  const json: Json = {
    schemaVersion: 2,
    mediaType,
    manifests: [
      ...images.map(({ manifest, platform }) => listed(manifest.descriptor, platform)),
      ...attestations.map(({ manifest }) => listed(manifest.descriptor, { os: 'unknown', architecture: 'unknown' })),
    ],
    annotations: sortedMap(annotationsFor(annotations, 'index')),
  };
  const index = jsonBlob(mediaType, goJson(json, 2), annotationsFor(annotations, 'index-descriptor'));
  return { index, images, ...(attestations.length > 0 && { attestations }) };
}

function listed(descriptor: Descriptor, platform: Platform): Json {
  const annotations = sortedMap(descriptor.annotations);
  return { ...descriptorJson(descriptor), annotations, platform: platformJson(platform) };
}

/** A platform in the order of Go's struct. */
export function platformJson({ architecture, os, variant }: Platform): { readonly [key: string]: Json | undefined } {
  return { architecture, os, variant: variant || undefined };
}

/** The config as a frontend gives it to BuildKit, which fills in the layers. */
export function imageConfigJson(config: ImageConfig, epochSeconds: number): string {
  return goJson(configJson(config, [], epochSeconds));
}

/** Top level sorted by key, as a Go map; `config` in the order of Go's struct. What is empty is null, or left out. */
function configJson(config: ImageConfig, layers: readonly Layer[], epochSeconds: number): Json {
  const created = formatTime(epochSeconds);
  const { platform, history, entrypoint } = config;
  return {
    architecture: platform.architecture,
    config: {
      Env: config.env.length === 0 ? undefined : config.env,
      Entrypoint: entrypoint === undefined || entrypoint.length === 0 ? undefined : entrypoint,
      WorkingDir: config.workingDir,
      Labels: sortedMap(config.labels),
    },
    created: history.length === 0 ? null : created,
    history:
      history.length === 0
        ? null
        : history.map(({ createdBy, emptyLayer }) => ({
            created,
            created_by: createdBy,
            comment: 'buildkit.dockerfile.v0',
            empty_layer: emptyLayer || undefined,
          })),
    [INLINE_CACHE]: config.inlineCache,
    os: platform.os,
    rootfs: { type: 'layers', diff_ids: layers.length === 0 ? null : layers.map((l) => l.diffID) },
    variant: platform.variant,
  };
}

/** RFC 3339 in UTC, whole seconds, as Go prints it. */
export function formatTime(epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000);
  const year = date.getUTCFullYear();
  const text = date.toISOString().replace(/\.\d+Z$/, 'Z');
  return year >= 0 && year <= 9999 ? text : text.replace(/^[+-]?\d+/, String(year).padStart(4, '0'));
}

/** A document with its descriptor. */
export function jsonBlob(mediaType: string, json: string, annotations?: Descriptor['annotations']): Blob {
  const bytes = Buffer.from(json);
  const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length, ...(annotations && { annotations }) };
  return { descriptor, bytes };
}

/** The three fields that every descriptor has, in the order of Go's struct. */
export function descriptorJson({ mediaType, digest, size }: Descriptor): { readonly [key: string]: Json } {
  return { mediaType, digest, size };
}

function withDockerType(layer: Layer): Layer {
  const types: Readonly<Record<string, string>> = {
    [MEDIA_TYPES.layerTar]: MEDIA_TYPES.dockerLayerTar,
    [MEDIA_TYPES.layerGzip]: MEDIA_TYPES.dockerLayerGzip,
    [MEDIA_TYPES.layerZstd]: MEDIA_TYPES.dockerLayerZstd,
  };
  const { descriptor } = layer;
  return { ...layer, descriptor: { ...descriptor, mediaType: types[descriptor.mediaType] ?? descriptor.mediaType } };
}
