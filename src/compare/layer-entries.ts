/** The entries of a layer: those of its tar, or the one file that the blob of a Wasm artifact is. */
import { BuildError } from '../diagnostic/build-error.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { describeTarError, readTar, type TarEntry } from '../util/read-tar.js';
import { invalidImage } from './blob-bytes.js';
import type { OpenLayer } from './image.js';

/** What the module of an artifact is called here, since it has no name of its own. */
const MODULE = 'module.wasm';

/** Whether a layer is the module of a Wasm artifact, and no tar. */
export function isModule({ descriptor }: Pick<OpenLayer, 'descriptor'>): boolean {
  return descriptor?.mediaType === MEDIA_TYPES.wasm;
}

/** Each entry of the uncompressed bytes of a layer, whose content is to be read before the next one is asked for. */
export async function* entriesOf(
  layer: Pick<OpenLayer, 'descriptor'>,
  bytes: AsyncIterable<Buffer>,
): AsyncGenerator<TarEntry, void> {
  if (!isModule(layer)) return yield* readTar(bytes);
  const { size } = layer.descriptor!;
  yield { path: MODULE, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, size, offset: 0, pax: {}, content: bytes };
}

/** What reading a layer threw, as an image that is damaged. @throws BuildError `InvalidImage` */
export function damaged(label: string, error: unknown): never {
  if (error instanceof BuildError) throw error;
  return invalidImage(`${label} is damaged: ${describeTarError(error)}`, error);
}
