/** The reference compressor: slower, in JavaScript, the same on every machine. The only importer of pako. */
import { constants } from 'node:zlib';
import { Deflate } from 'pako';

/** Deflates a piece on its own, ended by a sync flush. */
export function pakoDeflateSync(piece: Uint8Array, level: number): Buffer {
  const deflate = new Deflate({ level: level as 6, raw: true });
  deflate.push(piece, constants.Z_SYNC_FLUSH as 2);
  return Buffer.concat(deflate.chunks);
}
