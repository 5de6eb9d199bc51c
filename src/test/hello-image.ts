/** The image of shared/parity/outputs.json, made by hand, so that exporters are tested without a build. */
import { Writable } from 'node:stream';
import type { Destination, Exporter, ExportInput, Root } from '../exporter/exporter.js';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../layer/tar.js';
import type { Blob, Image } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import type { DirectoryNode, FileNode, Node } from '../snapshot/file-tree.js';
import type { ContentReader } from '../store/blobs.js';
import { sha256 } from '../util/digest.js';

const WASM = Buffer.from(
  'AGFzbQEAAAABDAJgBH9/f38Bf2AAAAIjARZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAADAgEBBQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAEKHQEbAEEAQQg2AgBBBEEONgIAQQFBAEEBQSgQABoLCxQBAEEICw5IZWxsbywgV29ybGQhCg==',
  'base64',
);

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const CREATED = '1970-01-01T00:00:00Z';

export function layerBytes(): Buffer {
  const header = {
    path: 'SampleApp.wasm',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: WASM.length,
    mtime: 0,
  } as const;
  return Buffer.concat([encodeHeader(header), WASM, Buffer.alloc(padding(WASM.length)), END_OF_ARCHIVE]);
}

/** The image, with OCI media types or Docker's. */
export function helloImage(oci = true): Image {
  const layer = layerBytes();
  const digest = sha256(layer);
  const mediaType = oci ? MEDIA_TYPES.layerTar : MEDIA_TYPES.dockerLayerTar;
  const descriptor = { mediaType, digest, size: layer.length };
  const config = blob(oci ? MEDIA_TYPES.config : MEDIA_TYPES.dockerConfig, {
    architecture: 'wasm',
    config: { Env: [`PATH=${PATH}`], Entrypoint: ['SampleApp.wasm'], WorkingDir: '/' },
    created: CREATED,
    history: [
      step('COPY ./SampleApp/bin/debug/net7.0/SampleApp.wasm /SampleApp.wasm # buildkit'),
      { ...step('ENTRYPOINT ["SampleApp.wasm"]'), empty_layer: true },
    ],
    os: 'wasi',
    rootfs: { type: 'layers', diff_ids: [digest] },
  });
  const manifestType = oci ? MEDIA_TYPES.manifest : MEDIA_TYPES.dockerManifest;
  const rewritten = oci ? { annotations: { 'buildkit/rewritten-timestamp': '0' } } : {};
  const manifest = blob(
    manifestType,
    {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { ...config.descriptor },
      layers: [{ ...descriptor, ...rewritten }],
    },
    2,
  );
  return { platform: { os: 'wasi', architecture: 'wasm' }, config, manifest, layers: [{ diffID: digest, descriptor }] };
}

function step(createdBy: string) {
  return { created: CREATED, created_by: createdBy, comment: 'buildkit.dockerfile.v0' };
}

/** BuildKit indents its manifests by two blanks, and its configs not at all. */
function blob(mediaType: string, json: object, indent?: number): Blob {
  const bytes = Buffer.from(JSON.stringify(json, null, indent));
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

/** A folder node. */
export function directory(entries: Readonly<Record<string, Node>>, mode = 0o755): DirectoryNode {
  const metadata = { mode, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };
  return { type: 'directory', ...metadata, entries: new Map(Object.entries(entries)) };
}

/** A file node with its bytes in memory. */
export function file(bytes: string | Uint8Array, mode = 0o644): FileNode {
  const content = Buffer.from(bytes as Uint8Array);
  const metadata = { mode, uid: 0, gid: 0, mtime: 1_600_000_000, mtimeNsec: 0 };
  return {
    type: 'file',
    ...metadata,
    size: content.length,
    content: { kind: 'bytes', bytes: content, digest: sha256(content) },
  };
}

/** A content store of blobs in memory. */
export function memoryContent(...blobs: readonly Uint8Array[]): ContentReader {
  return {
    async *read(digest) {
      const found = blobs.find((bytes) => sha256(bytes) === digest);
      if (!found) throw new Error(`no blob ${digest}`);
      yield found;
    },
  };
}

/** The root filesystem of an image for wasi/wasm. */
export function root(tree: DirectoryNode): Root {
  return { platform: { os: 'wasi', architecture: 'wasm' }, tree };
}

/** What an exporter gets for an image; a field of `more` replaces one. */
export function exportInput(more: Partial<ExportInput> = {}): ExportInput {
  return {
    target: helloImage(),
    roots: [root(directory({ 'SampleApp.wasm': file(WASM) }))],
    content: memoryContent(layerBytes()),
    names: [],
    epochSeconds: 0,
    emit: () => undefined,
    ...more,
  };
}

/** A stream that gathers what is written to it. */
export function sink(): { readonly to: Destination; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { to: { kind: 'stream', stream }, bytes: () => Buffer.concat(chunks) };
}

/** What an exporter writes to a stream. */
export async function archiveOf(exporter: Exporter, input: ExportInput): Promise<Buffer> {
  const { to, bytes } = sink();
  await exporter.export(input, to);
  return bytes();
}
