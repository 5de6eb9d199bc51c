/** An image that is open for reading, whatever form it came in. */
import type { Descriptor, Platform } from '../oci/descriptor.js';
import type { Digest } from '../util/digest.js';

const IMAGE_FORMS = ['oci-archive', 'oci-layout', 'docker-archive', 'store', 'registry'] as const;
export type ImageForm = (typeof IMAGE_FORMS)[number];

/** A statement about an image, without its content. */
export interface OpenAttestation {
  /** The digest of the manifest that it is about; empty when nothing says so. */
  readonly subject: string;
  readonly predicateType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** A JSON document of an image: its bytes, and what they say. */
export interface Document<T> {
  readonly mediaType?: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly json: T;
}

/** The parts of a manifest that are read by name; all of it is compared. */
export interface ManifestJson {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[] | null;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The parts of a config that are read by name; all of it is compared. */
export interface ConfigJson {
  readonly architecture?: string;
  readonly os?: string;
  readonly variant?: string;
  readonly created?: string | null;
  readonly config?: {
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Env?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly User?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
  };
  readonly history?:
    | readonly { readonly created?: string; readonly created_by?: string; readonly empty_layer?: boolean }[]
    | null;
  readonly rootfs?: { readonly diff_ids?: readonly string[] | null };
}

export interface OpenLayer {
  /** Of the bytes as stored; undefined in the old form of docker-archives, which has none. */
  readonly descriptor?: Descriptor;
  /** The digest of the uncompressed tar, as the config says. */
  readonly diffID: string;
  /** What the history says of it. */
  readonly createdBy?: string;
  /** The bytes as stored, checked against the digest while they stream. */
  read(): AsyncIterable<Uint8Array>;
}

export interface OpenImage {
  readonly form: ImageForm;
  readonly platform: Platform;
  /** The descriptor by which index.json, or an index, names the image, with its annotations. */
  readonly named?: Descriptor;
  /** undefined in the old form of docker-archives, which has none. */
  readonly manifest?: Document<ManifestJson>;
  readonly config: Document<ConfigJson>;
  readonly layers: readonly OpenLayer[];
}

/** An archive as a file. */
export interface ArchiveFile {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
}

/** What a reference names: one image, or one for each of several platforms. */
export interface OpenImages {
  /** As typed. */
  readonly reference: string;
  readonly form: ImageForm;
  /** The file or folder, where it is one. */
  readonly path?: string;
  /** The file, where the image came in one that is not compressed. */
  readonly archive?: ArchiveFile;
  /** By platform, in the order of the index. */
  readonly images: readonly OpenImage[];
  /** The index of several platforms. */
  readonly index?: Document<object>;
  /** Attestations and other manifests that are no images. */
  readonly others: number;
  /** Those of them that are there, as far as they can be read. */
  readonly attestations: readonly OpenAttestation[];
  /** Removes what was unpacked. */
  close(): Promise<void>;
}

/**
 * A place where manifests lie, with the blobs that they name: the seam behind which archives, folders, the store and registries are alike.
 */
export interface ImageSource {
  readonly form: ImageForm;
  /** The manifests and indexes that the reference names; more than one only where nothing tells which is meant. */
  roots(): Promise<readonly Descriptor[]>;
  /** The bytes of a blob; they are checked by whoever reads them. @throws BuildError when it is missing */
  read(descriptor: Pick<Descriptor, 'digest' | 'mediaType' | 'size'>): AsyncIterable<Uint8Array>;
}
