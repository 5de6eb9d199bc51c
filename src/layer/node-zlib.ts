/** Node's zlib, as one piece of a layer is deflated with it: on its own, ended by a sync flush. The only caller of it for bytes that are kept. */
import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib';

/** On Node's threads. */
export function nodeDeflate(piece: Uint8Array, level: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflateRaw(piece, optionsFor(piece, level), (error, out) => (error ? reject(error) : resolve(out)));
  });
}

/** In this thread. */
export function nodeDeflateSync(piece: Uint8Array, level: number): Buffer {
  return deflateRawSync(piece, optionsFor(piece, level));
}

/**
 * The result gets room at once: in Node's default chunks of 16 KiB a piece would hop between the threads for each of them. What deflate writes
 * does not depend on the room that it has; but for level 0, whose stored blocks are as long as fits into it: those are as pako's, of 16 KiB.
 */
function optionsFor({ length }: Uint8Array, level: number): ZlibOptions {
  const room = length + Math.ceil(length / 256) + 1024;
  return { level, finishFlush: constants.Z_SYNC_FLUSH, ...(level > 0 && { chunkSize: room }) };
}
