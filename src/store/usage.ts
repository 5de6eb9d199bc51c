/** What a store holds, and what refers to what. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { type Digest, hexOf } from '../util/digest.js';
import type { BlobStore } from './blobs.js';
import { ImageIndex } from './image-index.js';
import { FolderRecords, type LayerRecord } from './records.js';

export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes on disk. */
  readonly size: number;
  /** When it was written or last used. */
  readonly lastUse: Date;
}

export interface StoredRecord {
  readonly file: string;
  readonly record: LayerRecord;
  readonly lastUse: Date;
}

export interface StoreUsage {
  readonly blobs: readonly StoredBlob[];
  readonly records: readonly StoredRecord[];
  /** The blobs that each image of the index needs: manifest, config, layers. One without a name (by another tool) goes by its digest. */
  readonly images: ReadonlyMap<string, ReadonlySet<Digest>>;
}

/** Looks through a store; what comes and goes meanwhile may or may not be in the answer. */
export async function readUsage(store: BlobStore): Promise<StoreUsage> {
  const blobs: StoredBlob[] = [];
  const folder = path.join(store.folder, 'blobs', 'sha256');
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const found = /^[0-9a-f]{64}$/.test(name) ? await stat(path.join(folder, name)).catch(() => undefined) : undefined;
    if (found) blobs.push({ digest: `sha256:${name}` as Digest, size: found.size, lastUse: found.mtime });
  }
  const records: StoredRecord[] = [];
  for await (const { file, record, lastUse } of new FolderRecords(store.folder).list())
    records.push({ file, record, lastUse });
  records.sort((a, b) => (a.file < b.file ? -1 : 1));
  return { blobs, records, images: await readImages(store) };
}

/** The blobs that each image of the index needs. @throws BuildError `StoreNotWritable` when the index is of another version */
export async function readImages(store: BlobStore): Promise<Map<string, Set<Digest>>> {
  const images = new Map<string, Set<Digest>>();
  for (const { digest, annotations } of await new ImageIndex(store.folder).entries()) {
    const name = annotations?.['org.opencontainers.image.ref.name'] ?? digest;
    const needed = images.get(name) ?? new Set();
    await addBlobs(store, digest, needed);
    images.set(name, needed);
  }
  return images;
}

/** Manifests and indexes, of OCI and of Docker: what leads to further blobs. */
const PARENTS: readonly string[] = [
  MEDIA_TYPES.manifest,
  MEDIA_TYPES.index,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerManifestList,
];

/** Adds the blobs of an image; one that is damaged or gone leads nowhere. */
async function addBlobs(store: BlobStore, manifest: Digest, found: Set<Digest>): Promise<void> {
  if (found.has(manifest)) return;
  found.add(manifest);
  const chunks: Uint8Array[] = [];
  let json: ManifestJson;
  try {
    for await (const chunk of store.read(manifest)) chunks.push(chunk);
    json = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ManifestJson;
  } catch {
    return; // nothing is known of it
  }
  for (const child of [json.config, ...(json.layers ?? []), ...(json.manifests ?? [])]) {
    if (child?.digest === undefined) continue;
    if (child.mediaType !== undefined && PARENTS.includes(child.mediaType)) await addBlobs(store, child.digest, found);
    else found.add(child.digest);
  }
}

interface ManifestJson {
  readonly config?: JsonDescriptor;
  readonly layers?: readonly JsonDescriptor[] | null;
  readonly manifests?: readonly JsonDescriptor[];
}

interface JsonDescriptor {
  readonly mediaType?: string;
  readonly digest?: Digest;
}

/** For messages: the first twelve digits. */
export function shortDigest(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}

/** The bytes of all files below a folder, there or not. */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found?.isFile()) bytes += found.size;
  }
  return bytes;
}
