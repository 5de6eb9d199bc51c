/** Archives as a daemon sends them. */
import { END_OF_ARCHIVE, encodeHeader, padding } from '../../layer/tar.js';
import { sha256 } from '../../util/digest.js';

/** A tar of files by path, as they are given. */
export function tarOf(files: readonly (readonly [path: string, bytes: Uint8Array])[]): Buffer {
  const parts = files.flatMap(([path, bytes]) => [
    encodeHeader({ path, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: bytes.length }),
    bytes,
    Buffer.alloc(padding(bytes.length)),
  ]);
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/** The OCI archive of an image with the config that was asked for and one uncompressed layer. */
export function ociArchive(config: string, layer: Uint8Array): Buffer {
  const diffID = sha256(layer);
  const full = json({ ...JSON.parse(config), rootfs: { type: 'layers', diff_ids: [diffID] } });
  const descriptor = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: sha256(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: descriptor('application/vnd.oci.image.config.v1+json', full),
        layers: [
          {
            ...descriptor('application/vnd.oci.image.layer.v1.tar', layer),
            annotations: { 'buildkit/rewritten-timestamp': '0' },
          },
        ],
      },
      null,
      2,
    ),
  );
  const index = json({
    schemaVersion: 2,
    manifests: [descriptor('application/vnd.oci.image.manifest.v1+json', manifest)],
  });
  const blobs = [layer, full, manifest].map((b) => [`blobs/sha256/${sha256(b).slice(7)}`, b] as const);
  return tarOf([...blobs, ['index.json', index], ['oci-layout', json({ imageLayoutVersion: '1.0.0' })]]);
}
