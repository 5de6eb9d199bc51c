/** Images of the store, by name or by digest. */
import type { Descriptor } from '../oci/descriptor.js';
import { imagesOf, rootOf } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { BlobStore } from '../store/blobs.js';
import { ImageIndex } from '../store/image-index.js';
import { DIGEST, readTarget } from '../store/stored-image.js';
import { type Digest, parseDigest } from '../util/digest.js';
import type { ImageSource } from './image.js';

/**
 * The image that a name, or the digest (or its beginning) of a manifest or a config, names in the store; undefined when there is none.
 * @throws BuildError `StoreNotWritable` when the index of the store is of another version
 */
export async function storeSource(folder: string, reference: string): Promise<ImageSource | undefined> {
  const store = new BlobStore(folder);
  const root = await findRoot(store, reference);
  if (!root) return undefined;
  return { form: 'store', roots: async () => [root], read: ({ digest }) => store.read(digest) };
}

async function findRoot(store: BlobStore, reference: string): Promise<Descriptor | undefined> {
  const list = await new ImageIndex(store.folder).list();
  const hex = DIGEST.exec(reference)?.[1];
  if (hex !== undefined) {
    const matches = (digest: string) => digest.startsWith(`sha256:${hex}`);
    const byManifest = list.find(({ descriptor }) => matches(descriptor.digest));
    if (byManifest) return byManifest.descriptor;
    for (const { descriptor } of list) {
      const target = await readTarget(store, descriptor).catch(() => undefined);
      const found = target && imagesOf(target).find((image) => matches(image.config.descriptor.digest));
      if (found) return found.manifest.descriptor;
    }
    return hex.length === 64 ? unlisted(store, parseDigest(`sha256:${hex}`)) : undefined;
  }
  let name: string;
  try {
    name = formatReference(parseReference(reference));
  } catch {
    return undefined; // no name at all: that it is no file either is what the user hears
  }
  return list.find((image) => image.name === name)?.descriptor;
}

/** A manifest whose name is gone, and which nothing has pruned yet. */
async function unlisted(store: BlobStore, digest: Digest): Promise<Descriptor | undefined> {
  const target = await readTarget(store, { mediaType: MEDIA_TYPES.manifest, digest, size: 0 }).catch(() => undefined);
  return target && rootOf(target).descriptor;
}
