/**
 * The beginning of a layer that is, piece for piece, the beginning of a blob that is there already. As long as that goes on nothing is written;
 * if it goes on to the end, the blob is the layer.
 */
import type { FoundPiece, PieceReuse } from '../store/piece-index.js';
import type { Digest } from '../util/digest.js';

/** A piece of the tar stream that was compressed before, and was not kept. */
export interface KnownPiece {
  readonly fingerprint: string;
  readonly found: FoundPiece;
  /** Bytes, uncompressed. */
  readonly length: number;
}

export interface Match {
  readonly known: readonly KnownPiece[];
  /** The first piece that is in none of the blobs where it should be; undefined at the end of the stream. */
  readonly next: Uint8Array | undefined;
  /** The blob that has all these pieces and no others. */
  readonly blob: Digest | undefined;
}

/** Takes pieces until one is not where it should be. @param release hears of those that nobody needs any more */
export async function matchBlob(
  pieces: AsyncIterator<Uint8Array>,
  reuse: Pick<PieceReuse, 'fingerprint' | 'blobs'>,
  release: (piece: Uint8Array) => void,
): Promise<Match> {
  const known: KnownPiece[] = [];
  let candidates = reuse.blobs;
  for (;;) {
    if (candidates.length === 0) return { known, next: await take(pieces), blob: undefined };
    const piece = await take(pieces);
    if (!piece) {
      const whole = candidates.find((blob) => blob.pieces === known.length);
      return { known, next: undefined, blob: whole?.digest };
    }
    const fingerprint = reuse.fingerprint(piece);
    const left = candidates.filter((blob) => blob.fingerprint(known.length) === fingerprint);
    if (left.length === 0) return { known, next: piece, blob: undefined };
    known.push({ fingerprint, found: left[0]!.piece(known.length), length: piece.length });
    release(piece);
    candidates = left;
  }
}

async function take(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const { done, value } = await pieces.next();
  return done ? undefined : value;
}
