/**
 * At which level a layer was compressed. No format says it: what tells it is that compressing the first piece again gives the same bytes, which
 * works for layers of wbuild, whose bytes are defined. For those of other compressors there is no more than what a gzip header claims.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { GZIP_HEADER, pakoDeflater } from '../layer/gzip.js';
import { nodeDeflate } from '../layer/node-zlib.js';
import { seemsPinned } from '../layer/zlib-check.js';
import { zstdCompressor, zstdDecompress } from '../layer/zstd.js';
import type { Compression } from './blob-bytes.js';

/** More than a piece of wbuild has, compressed or not: entries are cut every MiB, and headers come before. */
const MAX_PIECE = 2 * 1024 * 1024;
/** Of a tar, and so of its pieces. */
const BLOCK = 512;
/** What ends a sync flush, and may be in the data as well: so many places are looked at. */
const FLUSH = Buffer.from([0, 0, 0xff, 0xff]);
const MAX_FLUSHES = 64;

/** A compression in words, with its level where that can be known. @param bytes the layer as stored; no more than its first piece is read */
export async function describeCompression(compression: Compression, bytes: AsyncIterable<Uint8Array>): Promise<string> {
  if (compression === 'none') return 'uncompressed';
  const head = await beginning(bytes);
  const levels = compression === 'gzip' ? await gzipLevels(head) : await zstdLevels(head);
  const [first, last] = [levels[0], levels.at(-1)];
  if (first === undefined) return `${compression} at a level that ${claimOf(compression, head)}`;
  return first === last
    ? `${compression} at level ${first}`
    : `${compression} at one of the levels ${first} to ${last}`;
}

async function beginning(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_PIECE) break;
  }
  return Buffer.concat(chunks);
}

/** @see RFC 1952, section 2.3.1: XFL */
function claimOf(compression: Compression, head: Buffer): string {
  const extra = compression === 'gzip' ? head[8] : 0;
  if (extra === 2) return 'its header calls the slowest';
  if (extra === 4) return 'its header calls the fastest';
  return 'its bytes do not tell';
}

/** The levels that give the first piece; none where it is not wbuild's. */
async function gzipLevels(head: Buffer): Promise<number[]> {
  if (!head.subarray(0, GZIP_HEADER.length).equals(GZIP_HEADER)) return [];
  let at = GZIP_HEADER.length;
  for (let tries = 0; tries < MAX_FLUSHES; tries++) {
    const flush = head.indexOf(FLUSH, at);
    if (flush < 0) return [];
    at = flush + 1;
    const deflated = head.subarray(GZIP_HEADER.length, flush + FLUSH.length);
    const piece = inflated(deflated);
    if (!piece || piece.length === 0 || piece.length % BLOCK !== 0) continue;
    const levels: number[] = [];
    for (let level = 0; level <= 9; level++) {
      const deflate = seemsPinned(level) ? (piece: Uint8Array) => nodeDeflate(piece, level) : await pakoDeflater(level);
      if (deflated.equals(await deflate(piece))) levels.push(level);
    }
    if (levels.length > 0) return levels;
  }
  return [];
}

function inflated(deflated: Buffer): Buffer | undefined {
  try {
    return inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_PIECE });
  } catch {
    return undefined; // cut where the data looks like a flush, or no piece
  }
}

/** As above; levels that give one piece the same bytes stand next to each other, so that the first others end the search. */
async function zstdLevels(head: Buffer): Promise<number[]> {
  const frame = ownFrame(head);
  if (!frame) return [];
  const piece = await zstdDecompress(frame).catch(() => undefined);
  if (!piece) return [];
  const levels: number[] = [];
  for (let level = 1; level <= 22; level++) {
    const compress = await zstdCompressor(level);
    if (frame.equals(compress(piece))) levels.push(level);
    else if (levels.length > 0) break;
  }
  return levels;
}

/**
 * The first frame, where it is one as wbuild writes them: its size is in its header, it has no checksum and no dictionary.
 * @see RFC 8878, section 3.1.1
 */
function ownFrame(head: Buffer): Buffer | undefined {
  const descriptor = head[4] ?? 0xff;
  const singleSegment = (descriptor & 0x20) !== 0;
  if (!singleSegment || (descriptor & 0x0f) !== 0) return undefined;
  const sizeBytes = [1, 2, 4, 8][descriptor >> 6]!;
  if (sizeBytes > 4 || head.length < 5 + sizeBytes) return undefined;
  const size = head.readUIntLE(5, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  if (size > MAX_PIECE) return undefined;
  let at = 5 + sizeBytes;
  for (let last = false; !last; ) {
    if (at + 3 > head.length) return undefined;
    const header = head.readUIntLE(at, 3);
    last = (header & 1) === 1;
    const repeated = ((header >> 1) & 3) === 1;
    at += 3 + (repeated ? 1 : header >> 3);
  }
  return at <= head.length ? head.subarray(0, at) : undefined;
}
