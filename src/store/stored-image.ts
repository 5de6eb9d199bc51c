import { fail } from '../diagnostic/build-error.js';
import { isAttestation } from '../oci/attestation.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { type AttestationManifest, documentsOf, type Image, rootOf, type Target } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { type Digest, parseDigest } from '../util/digest.js';
import type { BlobStore } from './blobs.js';
import { ImageIndex, type NamedImage, REF_NAME } from './image-index.js';

/** As much of a digest as may stand for the whole, as with docker. */
export const DIGEST = /^(?:sha256:)?([0-9a-f]{7,64})$/;

/** Every name of the image that the digest of a manifest, an index or a config (the image ID), or the beginning of one, stands for. */
export async function namesOfDigest(store: BlobStore, text: string): Promise<readonly NamedImage[]> {
  const hex = DIGEST.exec(text)?.[1];
  if (hex === undefined) return [];
  const matches = (digest: string) => digest.startsWith(`sha256:${hex}`);
  const list = await new ImageIndex(store.folder).list();
  const byManifest = list.filter(({ descriptor }) => matches(descriptor.digest));
  if (byManifest.length > 0) return byManifest;
  const found: NamedImage[] = [];
  for (const image of list) {
    const target = await readTarget(store, image.descriptor).catch(() => undefined);
    if (target && !('images' in target) && matches(target.config.descriptor.digest)) found.push(image);
  }
  return found;
}

/**
 * Puts configs, manifests and index into the store, beside the layers that are there already; damaged ones are healed.
 * @returns what a name may point at
 */
export async function storeTarget(store: BlobStore, target: Target): Promise<Descriptor> {
  for (const { descriptor, bytes } of documentsOf(target)) {
    const { digest, size } = descriptor;
    if (!(await store.touch(digest, size)) || !(await store.isWhole(digest))) await store.write(bytes);
  }
  const { descriptor } = rootOf(target);
  return 'images' in target ? descriptor : { ...descriptor, platform: target.platform };
}

/** Reads an image of the store back, or an index with its images. @throws BuildError `DamagedBlob` */
export async function readTarget(store: BlobStore, descriptor: Descriptor): Promise<Target> {
  if (descriptor.mediaType !== MEDIA_TYPES.index && descriptor.mediaType !== MEDIA_TYPES.dockerManifestList)
    return readImage(store, descriptor);
  const bytes = await readBlob(store, descriptor.digest);
  const { manifests } = parse(bytes, descriptor.digest) as { manifests: readonly Descriptor[] };
  const images: Image[] = [];
  const attestations: AttestationManifest[] = [];
  for (const manifest of manifests) {
    if (isAttestation(manifest)) attestations.push(await readAttestations(store, manifest));
    else images.push(await readImage(store, manifest));
  }
  const { platform: _, ...own } = withoutName(descriptor);
  return { index: { descriptor: own, bytes }, images, ...(attestations.length > 0 && { attestations }) };
}

/** Reads an image of the store back. @throws BuildError `DamagedBlob` */
async function readImage(store: BlobStore, descriptor: Descriptor): Promise<Image> {
  const manifestBytes = await readBlob(store, descriptor.digest);
  const manifest = parse(manifestBytes, descriptor.digest) as {
    config: Descriptor;
    layers: readonly Descriptor[] | null;
  };
  const configBytes = await readBlob(store, manifest.config.digest);
  const config = parse(configBytes, manifest.config.digest) as Platform & {
    rootfs?: { diff_ids: readonly string[] | null };
  };
  const { architecture, os, variant } = config;
  const diffIDs = config.rootfs?.diff_ids ?? [];
  const layers = (manifest.layers ?? []).map(({ mediaType, digest, size }, i) => ({
    diffID: parseDigest(diffIDs[i] ?? digest), // what an artifact holds is no layer, and has no other digest
    descriptor: { mediaType, digest, size },
  }));
  const { platform: _, ...own } = withoutName(descriptor);
  return {
    platform: { architecture, os, ...(variant && { variant }) },
    config: { descriptor: manifest.config, bytes: configBytes },
    manifest: { descriptor: own, bytes: manifestBytes },
    layers,
  };
}

/** Reads statements back, wbuild's or another's. @throws BuildError `DamagedBlob` */
async function readAttestations(store: BlobStore, descriptor: Descriptor): Promise<AttestationManifest> {
  const bytes = await readBlob(store, descriptor.digest);
  const { config, layers } = parse(bytes, descriptor.digest) as {
    config: Descriptor;
    layers: readonly Descriptor[] | null;
  };
  const read = async ({ mediaType, digest, size }: Descriptor) => {
    return { descriptor: { mediaType, digest, size }, bytes: await readBlob(store, digest) };
  };
  const statements = [];
  for (const layer of layers ?? []) statements.push(await read(layer));
  const { platform: _, ...own } = descriptor;
  return { manifest: { descriptor: own, bytes }, config: await read(config), statements };
}

/** A descriptor with the annotations of its image alone: the store adds the name by which its index lists it. */
function withoutName({ annotations = {}, ...descriptor }: Descriptor): Descriptor {
  const { [REF_NAME]: _, ...own } = annotations;
  return { ...descriptor, ...(Object.keys(own).length > 0 && { annotations: own }) };
}

async function readBlob(store: BlobStore, digest: Digest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(digest)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer, digest: Digest): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return fail(
      { code: 'DamagedBlob', message: `the blob ${digest} is no JSON`, hint: 'build the image again' },
      error,
    );
  }
}
