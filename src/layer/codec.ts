/** A compression that works piece by piece, and the stream that its pieces make. */

/**
 * Raised when the same input makes other bytes: by a change of ours, or by another version of what compresses (pako, zstd-wasm). The keys of layers
 * have it (solver/layer-key.ts), and so have the names of codecs, by which pieces are found that were compressed before: a layer of pieces of two
 * versions would be neither.
 */
export const LAYER_VERSION = 1;

/** How the pieces of a tar stream are compressed, and joined. The bytes depend on the pieces and on `name` alone. */
export interface Codec {
  /** Compression, level and {@link LAYER_VERSION}: two codecs of one name make the same bytes of the same piece. */
  readonly name: string;
  /** Of a layer, as OCI has it. */
  readonly mediaType: string;
  readonly header: Uint8Array;
  /** What ends the stream. @param crc CRC-32 of all the pieces @param length their bytes */
  readonly trailer: (crc: number, length: number) => Uint8Array;
  readonly compress: (piece: Uint8Array) => Promise<Uint8Array>;
  /** How many pieces are worth having under way at once. */
  readonly width: number;
  /** Whether what was compressed has the bytes that are promised; to be asked before any of it is used. */
  readonly confirm: () => Promise<boolean>;
  readonly close: () => Promise<void>;
}
