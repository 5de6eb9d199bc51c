/**
 * Changes → tar → compression → blob: one pass, both digests.
 */

import { availableParallelism } from 'node:os';
import type { Layer } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import type { Change } from '../snapshot/diff.js';
import type { BlobInfo, BlobStore } from '../store/blobs.js';
import type { PieceReuse, WrittenPiece } from '../store/piece-index.js';
import type { Codec } from './codec.js';
import { combineCrc32, crc32, DEFAULT_LEVEL, type GzipOptions, gzipCodec, workersFor } from './gzip.js';
import { type Hashing, hashingFor } from './hashing.js';
import { type ContentListener, layerPieces } from './pieces.js';
import { type KnownPiece, matchBlob } from './reuse.js';
import type { CheckMemory } from './zlib-check.js';

export interface LayerOptions {
  readonly epochSeconds: number;
  readonly compression: 'gzip' | 'zstd' | 'uncompressed';
  /** Of gzip 0 to 9, of zstd 0 to 22. */
  readonly compressionLevel?: number;
}

/** Who hears of a layer while it is written, and what may help. None of it changes a byte. */
export interface LayerListeners extends ContentListener {
  /** Hears that writing begins, and that it begins anew: what was heard before is void then. */
  readonly onStart?: () => void;
  /** How many bytes of the tar stream are done. */
  readonly onBytes?: (bytes: number) => void;
  /** Pieces that were compressed before, and a place to keep these, for a codec. */
  readonly reuse?: ((codec: string) => Promise<PieceReuse>) | undefined;
  readonly memory?: CheckMemory | undefined;
  /** How many of these bytes did not need to be compressed. */
  readonly onReused?: (bytes: number) => void;
  /** Hears that the layer is a blob that was there, so that nothing was written. */
  readonly onFound?: () => void;
}

/**
 * Writes a layer into the store.
 * @returns the layer, with OCI's media type
 * @throws BuildError `FileChanged`, `FileNotReadable`, `StoreNotWritable`
 */
export async function buildLayer(
  changes: readonly Change[],
  store: BlobStore,
  options: LayerOptions,
  listeners: LayerListeners = {},
): Promise<Layer> {
  const bytes = sizeOf(changes);
  const compressed = options.compression !== 'uncompressed';
  const hashing = await hashingFor(bytes, { cores: availableParallelism(), compressed });
  try {
    return await writeLayer({ changes, bytes, hashing }, store, options, listeners);
  } finally {
    await hashing.close();
  }
}

interface Source {
  readonly changes: readonly Change[];
  /** Of content in the layer. */
  readonly bytes: number;
  readonly hashing: Hashing;
}

async function writeLayer(
  { changes, bytes, hashing }: Source,
  store: BlobStore,
  options: LayerOptions,
  listeners: LayerListeners,
): Promise<Layer> {
  const tar = () => {
    listeners.onStart?.();
    return layerPieces(changes, options.epochSeconds, listeners, hashing);
  };
  if (options.compression === 'uncompressed') {
    const { digest, size } = await store.write(observe(tar(), hashing, listeners.onBytes), {
      hash: hashing.open(),
      written: (piece) => hashing.release(piece),
    });
    return { diffID: digest, descriptor: { mediaType: MEDIA_TYPES.layerTar, digest, size } };
  }
  let engine: GzipOptions['engine'] = 'fastest';
  let match = true;
  for (;;) {
    const codec = await openCodec(options, { engine, bytes, memory: listeners.memory });
    try {
      return await compressLayer({ pieces: tar(), hashing, match }, store, codec, listeners);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.why === 'engine') engine = 'reference';
      else match = false;
    } finally {
      await codec.close();
    }
  }
}

interface CodecChoice extends Pick<GzipOptions, 'engine' | 'memory'> {
  /** Of content in the layer. */
  readonly bytes: number;
}

async function openCodec(
  { compression, compressionLevel }: LayerOptions,
  { engine, bytes, memory }: CodecChoice,
): Promise<Codec> {
  const cores = availableParallelism();
  if (compression === 'gzip') {
    const workers = workersFor(bytes, cores, engine);
    return gzipCodec({ level: compressionLevel ?? DEFAULT_LEVEL, engine, workers, memory });
  }
  const { DEFAULT_ZSTD_LEVEL, zstdCodec } = await import('./zstd.js');
  return zstdCodec({ level: compressionLevel ?? DEFAULT_ZSTD_LEVEL, workers: workersFor(bytes, cores, 'reference') });
}

/** The bytes of content in a layer, headers aside. */
function sizeOf(changes: readonly Change[]): number {
  return changes.reduce((sum, { node }) => sum + (node.type === 'file' ? node.size : 0), 0);
}

/** Thrown into a blob that is being written, so that nothing of it stays and it is written in another way. */
class Refused extends Error {
  /** The codec does not make the bytes that are promised; or a piece that was not kept is not to be had any more where it was found. */
  constructor(readonly why: 'engine' | 'known') {
    super();
  }
}

interface Stream {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly hashing: Hashing;
  /** Whether to look for a blob that begins as this layer does. */
  readonly match: boolean;
}

/** @throws Refused: nothing was written then */
async function compressLayer(
  { pieces, hashing, match }: Stream,
  store: BlobStore,
  codec: Codec,
  { onBytes, onReused, onFound, reuse }: LayerListeners,
): Promise<Layer> {
  const diff = hashing.open();
  const watched = observe(pieces, hashing, onBytes, (piece) => diff.update(piece));
  const found = await reuse?.(codec.name);
  const written: WrittenPiece[] = [];
  const release = (piece: Uint8Array) => hashing.release(piece);
  const layerOf = async ({ digest, size }: BlobInfo): Promise<Layer> => {
    return { diffID: await diff.digest(), descriptor: { mediaType: codec.mediaType, digest, size } };
  };
  async function* data(from: AsyncIterable<Uint8Array | KnownPiece>): AsyncGenerator<Uint8Array> {
    yield* compressPieces(from, codec, { release, ...(found && { earlier: { ...found, written, onReused } }) });
    if (!(await codec.confirm())) throw new Refused('engine');
  }
  try {
    if (!match || !found) {
      const blob = await store.write(data(watched));
      await found?.save(blob.digest, codec.header.length, written);
      return await layerOf(blob);
    }
    const { known, next, blob } = await matchBlob(watched, found, release);
    if (blob !== undefined) {
      const size = sizeOfBlob(known, codec);
      if (!(await store.touch(blob, size))) throw new Refused('known');
      onReused?.(known.reduce((sum, { length }) => sum + length, 0));
      onFound?.();
      return await layerOf({ digest: blob, size });
    }
    const made = await store.write(data(continued(known, next, watched)));
    await found.save(made.digest, codec.header.length, written);
    return await layerOf(made);
  } finally {
    await watched.return(undefined);
    await found?.close();
  }
}

/** How long the blob is that has these pieces. */
function sizeOfBlob(pieces: readonly KnownPiece[], { header, trailer }: Codec): number {
  const packed = pieces.reduce((sum, { found }) => sum + found.length, 0);
  return header.length + packed + trailer(0, 0).length; // a trailer is as long whatever it says
}

/** The whole stream again: what was found of it, the piece that was not, and the rest. */
async function* continued(
  known: readonly KnownPiece[],
  next: Uint8Array | undefined,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array | KnownPiece> {
  yield* known;
  if (next) yield next;
  yield* rest;
}

async function* observe(
  pieces: AsyncIterable<Uint8Array>,
  hashing: Hashing,
  onBytes?: (bytes: number) => void,
  see?: (piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of pieces) {
    see?.(piece);
    bytes += piece.length;
    onBytes?.(bytes);
    await hashing.room();
    yield piece;
  }
}

interface CompressOptions {
  readonly earlier?: Earlier;
  /** Hears of pieces that are compressed. */
  readonly release?: (piece: Uint8Array) => void;
}

interface Earlier extends Pick<PieceReuse, 'fingerprint' | 'find' | 'check'> {
  readonly written: WrittenPiece[];
  readonly onReused?: ((bytes: number) => void) | undefined;
}

/**
 * Pieces → one stream: several are compressed at once and joined in order, and those that were compressed before are taken from where they lie.
 * @param pieces of the tar stream, or what is known of them
 * @param earlier what is known of earlier blobs; `written` gets a line for each piece
 */
export async function* compressPieces(
  pieces: AsyncIterable<Uint8Array | KnownPiece>,
  codec: Pick<Codec, 'header' | 'trailer' | 'compress' | 'width'>,
  { earlier, release }: CompressOptions = {},
): AsyncGenerator<Uint8Array> {
  if (codec.header.length > 0) yield codec.header;
  let crc = 0;
  let length = 0;
  let count = 0;
  let reused = 0;
  const queue: Promise<Uint8Array>[] = [];
  const start = (piece: Uint8Array | KnownPiece): void => {
    const raw = piece instanceof Uint8Array ? piece : undefined;
    const fingerprint = piece instanceof Uint8Array ? (earlier?.fingerprint(piece) ?? '') : piece.fingerprint;
    const found = piece instanceof Uint8Array ? earlier?.find(fingerprint) : piece.found;
    const own = found?.crc ?? crc32(raw!);
    crc = length === 0 ? own : combineCrc32(crc, own, piece.length);
    length += piece.length;
    const index = count++;
    const work = async () => {
      const ready = await found?.read();
      if (!ready && !raw) throw new Refused('known');
      if (ready) reused += piece.length;
      if (ready) earlier?.onReused?.(reused);
      const bytes = ready ?? (await codec.compress(raw!));
      if (raw) release?.(raw);
      if (earlier) {
        const check = ready ? found!.check : earlier.check(bytes);
        earlier.written[index] = { fingerprint, crc: own, length: bytes.length, check };
      }
      return bytes;
    };
    const out = work();
    out.catch(() => undefined); // awaited in its turn
    queue.push(out);
  };
  try {
    for await (const piece of pieces) {
      start(piece);
      if (queue.length >= codec.width) yield await queue.shift()!;
    }
    while (queue.length > 0) yield await queue.shift()!;
    const trailer = codec.trailer(crc, length);
    if (trailer.length > 0) yield trailer;
  } finally {
    await Promise.allSettled(queue); // no compressor is left running behind an error
  }
}
