import type { Digest } from '../util/digest.js';
import type { Descriptor, Platform } from './descriptor.js';

/** A blob small enough to hold in memory. */
export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A layer; its bytes are in the content store under `descriptor.digest`. */
export interface Layer {
  /** The digest of the uncompressed tar; the descriptor has that of the bytes as stored. */
  readonly diffID: Digest;
  readonly descriptor: Descriptor;
}

/** A finished image: plain data that every exporter reads. */
export interface Image {
  readonly platform: Platform;
  readonly config: Blob;
  /** Its descriptor has the annotations that `manifest-descriptor:` asks for, wherever it is listed. */
  readonly manifest: Blob;
  readonly layers: readonly Layer[];
}

/** Statements about one image of an index (attestation.ts). */
export interface AttestationManifest {
  /** Its descriptor has the annotations by which an index lists it. */
  readonly manifest: Blob;
  readonly config: Blob;
  /** Small enough to hold in memory, as BuildKit's are. */
  readonly statements: readonly Blob[];
}

/**
 * One build for several platforms, or one that is attested: an image for each, and the index that lists them.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export interface Index {
  readonly index: Blob;
  /** As the index lists them, in the order in which the platforms were asked for. */
  readonly images: readonly Image[];
  /** What is said of them; listed behind them. */
  readonly attestations?: readonly AttestationManifest[];
}

/** What a name points at. */
export type Target = Image | Index;

/** The images of a target: one, or those of its index. */
export function imagesOf(target: Target): readonly Image[] {
  return 'images' in target ? target.images : [target];
}

/** What is said of the images of a target. */
export function attestationsOf(target: Target): readonly AttestationManifest[] {
  return 'images' in target ? (target.attestations ?? []) : [];
}

/** The blob that a name points at: the manifest, or the index. */
export function rootOf(target: Target): Blob {
  return 'images' in target ? target.index : target.manifest;
}

/** The JSON documents of a target, what is referred to before what refers to it. */
export function documentsOf(target: Target): readonly Blob[] {
  const images = imagesOf(target).flatMap(({ config, manifest }) => [config, manifest]);
  const said = attestationsOf(target).flatMap(({ manifest, config, statements }) => [...statements, config, manifest]);
  return 'images' in target ? [...images, ...said, target.index] : images;
}
