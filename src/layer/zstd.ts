/**
 * zstd with bytes that are the same everywhere: those of one build of the library in WebAssembly (pinned in package.json), which no processor, no
 * Node and no number of threads changes. Node's own zstd is newer and gives other bytes, so that it cannot stand in.
 *
 * Each piece of the tar stream is a frame of its own, with its size in its header and without a checksum; frames one after another are a zstd
 * stream. The only importer of @bokuweb/zstd-wasm.
 * @see RFC 8878, section 3.1
 */
import { MEDIA_TYPES } from '../oci/media-types.js';
import { type Codec, LAYER_VERSION } from './codec.js';
import { startWorkers } from './deflate-workers.js';

/** The library's own, which is also what BuildKit takes when no level is given. */
export const DEFAULT_ZSTD_LEVEL = 3;

/** How many pieces wait while the only thread compresses one. */
const WIDTH = 4;

/** @param level from 1 to 22; 0 is the fastest, as in BuildKit @param workers threads; 0: this one */
export async function zstdCodec({
  level,
  workers,
}: {
  readonly level: number;
  readonly workers: number;
}): Promise<Codec> {
  const real = level === 0 ? 1 : level;
  const threads = workers > 0 ? await startWorkers(workers, { level: real, engine: 'zstd' }) : undefined;
  const here = threads ? undefined : await zstdCompressor(real);
  return {
    name: `zstd${real}-${LAYER_VERSION}`,
    mediaType: MEDIA_TYPES.layerZstd,
    header: new Uint8Array(0),
    trailer: () => new Uint8Array(0),
    compress: threads?.deflate ?? (async (piece) => here!(piece)),
    width: Math.max(workers + 1, WIDTH),
    confirm: async () => true,
    close: async () => threads?.close(),
  };
}

let library: Promise<typeof import('@bokuweb/zstd-wasm')> | undefined;

/** Once: a second start leaves memory that is taken for fresh and is not, and then the same piece gives other bytes. */
async function load(): Promise<typeof import('@bokuweb/zstd-wasm')> {
  const module = await import('@bokuweb/zstd-wasm');
  await module.init();
  return module;
}

/** Piece → frame. */
export async function zstdCompressor(level: number): Promise<(piece: Uint8Array) => Uint8Array> {
  library ??= load();
  const { compress } = await library;
  return (piece) => compress(piece, level);
}

/** A frame → its bytes. Only for frames whose header says their size, which the caller has looked at: so much memory is taken. */
export async function zstdDecompress(frame: Uint8Array): Promise<Uint8Array> {
  library ??= load();
  const { decompress } = await library;
  return decompress(frame);
}
