/**
 * `type=docker`: a tar that `docker load` takes, and that is an OCI image layout as well.
 * @see https://github.com/moby/docker-image-spec (manifest.json), containerd core/images/archive/exporter.go
 */
import { fail } from '../diagnostic/build-error.js';
import { attestationsOf, imagesOf } from '../oci/image.js';
import { familiarName } from '../oci/reference.js';
import { goJson } from '../util/go-json.js';
import { type ArchiveEntry, archiveBytes, blobPath, layoutEntries, references } from './archive.js';
import { exportStep, writeBytes } from './destination.js';
import type { Exporter, ExportInput } from './types.js';

export const dockerArchiveExporter: Exporter = {
  export: (input, to) =>
    exportStep(input.emit, 'docker image format', to, () => {
      const manifest = dockerManifest(input);
      return writeBytes(to, archiveBytes([...layoutEntries(input), manifest], input.content));
    }),
};

/** What a daemon is sent: an archive as above; of several platforms, or one that is attested, the OCI layout that newer daemons take. */
export function loadableBytes(input: ExportInput): AsyncGenerator<Uint8Array, void> {
  const entries = 'images' in input.target ? layoutEntries(input) : [...layoutEntries(input), dockerManifest(input)];
  return archiveBytes(entries, input.content);
}

/** @throws BuildError `InvalidOutput` for more than one platform, which BuildKit's exporter refuses too */
export function refuseSeveral(platforms: readonly unknown[]): void {
  if (platforms.length < 2) return;
  const message = `type=docker holds one image, and this is one for each of ${platforms.length} platforms`;
  const hint = 'write type=oci, which docker load takes as well where Docker has the containerd image store';
  fail({ code: 'InvalidOutput', message, hint });
}

/** @throws BuildError `InvalidOutput` for an index with attestations, which is more than one image to BuildKit as well */
function refuseAttested(attestations: readonly unknown[]): void {
  if (attestations.length === 0) return;
  const hint = 'write type=oci, which docker load takes as well where Docker has the containerd image store';
  fail({ code: 'InvalidOutput', message: 'type=docker holds one image, and no attestations of it', hint });
}

/** manifest.json: what Docker reads. A list without elements is null, as Go has it. */
function dockerManifest(input: ExportInput): ArchiveEntry {
  refuseSeveral(imagesOf(input.target));
  refuseAttested(attestationsOf(input.target));
  const { config, layers } = imagesOf(input.target)[0]!;
  const names = references(input).map(familiarName);
  const paths = layers.map(({ descriptor }) => blobPath(descriptor.digest));
  const manifest = {
    Config: blobPath(config.descriptor.digest),
    RepoTags: names.length > 0 ? names : null,
    Layers: paths.length > 0 ? paths : null,
  };
  return { type: 'file', path: 'manifest.json', mode: 0o644, bytes: Buffer.from(goJson([manifest])) };
}
