/**
 * gzip with bytes that are the same everywhere.
 *
 * The bytes of a compressed layer are defined as those of pako (pinned in package.json) over the pieces of the tar stream:
 * each piece deflated on its own and ended by a sync flush, so that the pieces join into one ordinary deflate stream, which an
 * empty last block ends, in one gzip member. Node's own zlib gives the same bytes where it is the zlib that Node ships, at twice
 * the speed and on other threads; zlib-check.ts tells whether it is, and where it is not, pako does the work.
 * @see RFC 1951, RFC 1952; docs/reproducibility.md
 */
import { crc32 as zlibCrc32 } from 'node:zlib';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { type Codec, LAYER_VERSION } from './codec.js';
import { startWorkers } from './deflate-workers.js';
import { nodeDeflate } from './node-zlib.js';
import { type CheckMemory, isPinned, seemsPinned } from './zlib-check.js';

/** The level that stands for "not given", as in BuildKit. */
export const DEFAULT_LEVEL = 6;

/** Magic, deflate, no flags, no time, no extra flags, Unix: nothing that varies. */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);

/** An empty last block ends the deflate stream that the pieces make. */
const LAST_BLOCK = Uint8Array.of(3, 0);

/** Deflates one piece on its own, ended by a sync flush. */
export type DeflatePiece = (piece: Uint8Array) => Promise<Uint8Array>;

/** Who deflates: `node` is its zlib, `pako` the reference. No choice here changes a byte. */
export interface GzipOptions {
  readonly level: number;
  /** 'reference' when Node's zlib was found to give other bytes. */
  readonly engine: 'fastest' | 'reference';
  /** Threads of our own; 0: those that Node has for such work. */
  readonly workers: number;
  readonly memory?: CheckMemory | undefined;
}

/** Above this many cores Node's own four threads are too few. */
const NODE_THREADS = 4;

/** From how many bytes on it pays to start threads: each costs the time of deflating about a megabyte. */
const WORTH_THREADS = 8 * 1024 * 1024;

/** How many threads of our own deflate a layer of so many bytes. */
export function workersFor(bytes: number, cores: number, engine: GzipOptions['engine']): number {
  if (bytes < WORTH_THREADS || (engine === 'fastest' && cores <= NODE_THREADS)) return 0;
  return Math.min(cores, 16, Math.ceil(bytes / WORTH_THREADS) + 1);
}

/** The pieces of a member. */
export async function gzipCodec({ level, engine, workers, memory }: GzipOptions): Promise<Codec> {
  const node = engine === 'fastest' && seemsPinned(level);
  const threads = workers > 0 ? await startWorkers(workers, { level, engine: node ? 'node' : 'pako' }) : undefined;
  const compress = threads?.deflate ?? (node ? (piece) => nodeDeflate(piece, level) : await pakoDeflater(level));
  const confirmed = node ? isPinned(level, memory) : undefined;
  confirmed?.catch(() => undefined); // heard when it is awaited
  return {
    name: `gzip${level}-${LAYER_VERSION}`,
    mediaType: MEDIA_TYPES.layerGzip,
    header: GZIP_HEADER,
    trailer: gzipTrailer,
    compress,
    width: Math.max(workers, NODE_THREADS) + 1,
    confirm: async () => (await confirmed) ?? true,
    close: async () => {
      await Promise.allSettled([threads?.close(), confirmed]);
    },
  };
}

/** The reference: slower, in JavaScript, the same on every machine. */
export async function pakoDeflater(level: number): Promise<DeflatePiece> {
  const { pakoDeflateSync } = await import('./pako.js');
  return async (piece) => pakoDeflateSync(piece, level);
}

/** What ends the member: the last block, the checksum of all that was deflated, and its length modulo 2^32. */
export function gzipTrailer(crc: number, length: number): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc >>> 0, 0);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  return Buffer.concat([LAST_BLOCK, trailer]);
}

/** CRC-32 as gzip has it; Node's where it has one (20.15, 22.2). */
export function crc32(bytes: Uint8Array, before = 0): number {
  if (bytes.length === 0) return before; // of no bytes, Node's is sometimes 0
  return zlibCrc32 ? zlibCrc32(bytes, before) : slowCrc32(bytes, before);
}

let table: Uint32Array | undefined;

/** The same without the help of Node. */
export function slowCrc32(bytes: Uint8Array, before: number): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
  let crc = ~before;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/**
 * The checksum of two stretches of bytes, given that of each and the length of the second: a shift of the first by that many zero bytes,
 * which is a product modulo CRC-32's polynomial. @see zlib's crc32_combine
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  let factor = 0x80000000; // x^0: coefficients run from the highest bit down
  let power = 0x00800000; // x^8: one byte
  for (let rest = secondLength; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) factor = multiply(factor, power);
    power = multiply(power, power);
  }
  return (multiply(factor, first) ^ second) >>> 0;
}

/** Product of two polynomials modulo CRC-32's. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = shifted & 1 ? 0xedb88320 ^ (shifted >>> 1) : shifted >>> 1;
  }
  return product >>> 0;
}
