/** An image of the store → an archive: the same bytes that its build writes with `-o`, of the media types that it was built with. */
import { BuildError, fail } from '../../diagnostic/build-error.js';
import { checkDestination, type Destination, EXPORTERS } from '../../exporter/exporter.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { imagesOf } from '../../oci/image.js';
import { EMPTY_TREE } from '../../snapshot/file-tree.js';
import type { BlobStore } from '../../store/blobs.js';
import { readTarget } from '../../store/stored-image.js';

export interface SaveOptions {
  readonly store: BlobStore;
  readonly descriptor: Descriptor;
  /** Normalised. */
  readonly name: string;
  readonly type: 'docker' | 'oci';
  readonly to: Destination;
}

/**
 * Writes the archive, whole or not at all. What goes to a stream cannot be taken back: the blobs are read once before.
 * @throws BuildError `DamagedBlob`, `OutputNotWritable`
 */
export async function saveImage({ store, descriptor, name, type, to }: SaveOptions): Promise<void> {
  await checkDestination(to);
  try {
    const target = await readTarget(store, descriptor);
    const images = imagesOf(target);
    const layers = images.flatMap((image) => image.layers);
    if (to.kind === 'stream') for (const l of layers) for await (const _ of store.read(l.descriptor.digest));
    const { created } = JSON.parse(Buffer.from(images[0]!.config.bytes).toString('utf8')) as {
      created?: string | null;
    };
    const epochSeconds = created ? Date.parse(created) / 1000 : 0;
    const roots = images.map(({ platform }) => ({ platform, tree: EMPTY_TREE }));
    const input = { target, roots, content: store, names: [name], epochSeconds, emit: () => undefined };
    await EXPORTERS[type].export(input, to);
  } catch (error) {
    if (!(error instanceof BuildError) || !error.diagnostics.some((d) => d.code === 'DamagedBlob')) throw error;
    const message = `${name} cannot be saved: ${error.diagnostics[0]!.message}`;
    fail({ code: 'DamagedBlob', message, hint: 'build the image again: that mends the store' }, error);
  }
}
