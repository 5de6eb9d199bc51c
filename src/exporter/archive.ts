/**
 * An image as an archive: an OCI image layout in a tar, as containerd writes it for BuildKit.
 * @see containerd core/images/archive/exporter.go, moby/buildkit exporter/oci/export.go
 */
import { fail } from '../diagnostic/build-error.js';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../layer/tar.js';
import { sortedMap } from '../oci/annotations.js';
import { platformJson } from '../oci/assemble.js';
import { documentsOf, imagesOf, rootOf } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { formatReference, parseReference, type Reference } from '../oci/reference.js';
import type { ContentReader } from '../store/blobs.js';
import { type Digest, hexOf } from '../util/digest.js';
import { goJson, type Json } from '../util/go-json.js';
import { compareBytes } from '../util/text.js';
import type { ExportInput } from './types.js';

/** One entry of an archive. A blob's bytes are in the content store; a folder has none. */
export type ArchiveEntry =
  | { readonly type: 'directory'; readonly path: string }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly type: 'blob'; readonly path: string; readonly digest: Digest; readonly size: number };

export const OCI_LAYOUT = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** Where a blob lies in a layout. */
export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** What every archive has: the layout, the index and the blobs. A blob that two layers share is there once. */
export function layoutEntries(input: ExportInput): ArchiveEntry[] {
  const entries = new Map<string, ArchiveEntry>();
  const add = (entry: ArchiveEntry) => entries.set(entry.path, entry);
  add({ type: 'directory', path: 'blobs/' });
  add({ type: 'directory', path: 'blobs/sha256/' });
  for (const { descriptor } of imagesOf(input.target).flatMap((image) => image.layers)) {
    add({ type: 'blob', path: blobPath(descriptor.digest), digest: descriptor.digest, size: descriptor.size });
  }
  for (const { descriptor, bytes } of documentsOf(input.target)) {
    add({ type: 'file', path: blobPath(descriptor.digest), mode: 0o444, bytes });
  }
  add({ type: 'file', path: 'index.json', mode: 0o644, bytes: Buffer.from(indexJson(archiveDescriptors(input))) });
  add({ type: 'file', path: 'oci-layout', mode: 0o444, bytes: OCI_LAYOUT });
  return [...entries.values()];
}

/** index.json, its fields in the order of Go's struct. */
function indexJson(manifests: readonly Json[]): string {
  return goJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests });
}

/** The manifest, or the index of several, as index.json lists it: once for each name, or once without. */
function archiveDescriptors(input: ExportInput): Json[] {
  if (input.names.length === 0) return [rootDescriptor(input, {})];
  return references(input).map((reference) => {
    const name = formatReference(reference);
    // a digest alone cannot be a reference name in OCI, so that containerd puts the whole name there
    const refName = reference.tag === undefined ? name : refNameOf(reference);
    const names = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': refName };
    return rootDescriptor(input, names);
  });
}

/** The names of the image, parsed. */
export function references(input: ExportInput): Reference[] {
  return input.names.map(parseReference);
}

/** What containerd calls the object of a name: `1.0`, `1.0@sha256:…` or `@sha256:…`. */
export function refNameOf({ tag, digest }: Reference): string {
  return `${tag ?? ''}${digest === undefined ? '' : `@${digest}`}`;
}

/** The descriptor of what a name points at, with annotations in byte order (a Go map); fields in the order of Go's struct. */
export function rootDescriptor(
  { target, epochSeconds }: Pick<ExportInput, 'target' | 'epochSeconds'>,
  names: Readonly<Record<string, string>>,
): Record<string, Json> {
  const { mediaType, digest, size, annotations } = rootOf(target).descriptor;
  const created = new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
  const all = { 'org.opencontainers.image.created': created, ...annotations, ...names };
  const platform = 'images' in target ? undefined : platformJson(target.platform);
  return { mediaType, digest, size, annotations: sortedMap(all)!, ...(platform && { platform }) };
}

/** The bytes of an archive: entries in byte order of their paths, owned by 0:0, at the time 0 whatever the epoch is. */
export async function* archiveBytes(
  entries: readonly ArchiveEntry[],
  content: ContentReader,
): AsyncGenerator<Uint8Array, void> {
  for (const entry of [...entries].sort((a, b) => compareBytes(a.path, b.path))) {
    const fixed = { path: entry.path, uid: 0, gid: 0, mtime: 0 };
    if (entry.type === 'directory') {
      yield encodeHeader({ ...fixed, type: 'directory', mode: 0o755, size: 0 });
      continue;
    }
    const [mode, size] = entry.type === 'blob' ? [0o444, entry.size] : [entry.mode, entry.bytes.length];
    yield encodeHeader({ ...fixed, type: 'file', mode, size });
    if (entry.type === 'file') yield entry.bytes;
    else yield* blobBytes(entry.digest, entry.size, content);
    yield Buffer.alloc(padding(size));
  }
  yield END_OF_ARCHIVE;
}

/** The bytes of a blob, which must be as many as its descriptor says: the header is written already. */
export async function* blobBytes(
  digest: Digest,
  size: number,
  content: ContentReader,
): AsyncGenerator<Uint8Array, void> {
  let seen = 0;
  for await (const chunk of content.read(digest)) {
    seen += chunk.length;
    if (seen > size) break;
    yield chunk;
  }
  if (seen === size) return;
  fail({
    code: 'DamagedBlob',
    message: `the blob ${digest} is damaged: it does not have the ${size} bytes that the manifest says`,
    hint: 'build again with --no-cache, which writes it anew',
  });
}
