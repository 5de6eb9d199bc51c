/**
 * Which piece of which blob came from which content, so that a layer of which little changed is compressed again where it changed alone.
 *
 * Beside a blob lies a file with a line for each of its pieces, in order: the fingerprint of the piece of the tar stream, its CRC-32, the
 * length of its compressed bytes, and the fingerprint of those. Its name has the blob and the codec (compression and level).
 *
 * - A *fingerprint* covers all the bytes and nothing else. It is a GMAC (AES-GCM without a text, NIST SP 800-38D), a universal hash that costs a
 *   quarter of SHA-256 where the processor multiplies polynomials, under a key that is random for each store and never leaves it. Two pieces
 *   chosen without knowing the key have one fingerprint with a chance of 2^-111, so that reuse is sound for whatever a context may hold.
 * - Reuse is sound beyond that because a compressed piece is a function of the piece and the codec alone (layer/gzip.ts), and because the bytes that
 *   are taken are checked against their own fingerprint: of a damaged blob no byte is used, and the piece is compressed.
 * - A file has a digest in front that covers the key, its name and its lines: one that is torn, flipped, of another store or another blob is none.
 *   (Whoever may write the store can forge it, as everything in the store: docs/cache.md, "Trust".)
 *
 * Whatever fails here costs time and nothing else.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, hexOf } from '../util/digest.js';
import type { BlobStore } from './blobs.js';
import { keepNewest, type StoreWriteOptions, writeStoreFile } from './store-files.js';

/** A piece that was compressed before. */
export interface FoundPiece {
  /** CRC-32 of the piece. */
  readonly crc: number;
  /** Bytes, compressed. */
  readonly length: number;
  /** Fingerprint of the compressed bytes. */
  readonly check: string;
  /** Its compressed bytes; undefined when they are damaged or gone. */
  readonly read: () => Promise<Uint8Array | undefined>;
}

/** A compressed piece as it stands in a blob. */
export interface WrittenPiece {
  readonly fingerprint: string;
  readonly crc: number;
  /** Bytes, compressed. */
  readonly length: number;
  /** Fingerprint of the compressed bytes. */
  readonly check: string;
}

/** A blob and its pieces, in their order. */
export interface PackedBlob {
  readonly digest: Digest;
  /** How many. */
  readonly pieces: number;
  /** Undefined behind the last one. */
  fingerprint(index: number): string | undefined;
  piece(index: number): FoundPiece;
}

/** Pieces of blobs of earlier builds, for one codec. */
export interface PieceReuse {
  /** The latest first. */
  readonly blobs: readonly PackedBlob[];
  /** Names the bytes of a piece of the tar stream. */
  fingerprint(bytes: Uint8Array): string;
  find(fingerprint: string): FoundPiece | undefined;
  /** Names compressed bytes. */
  check(bytes: Uint8Array): string;
  /** Keeps what the pieces of a blob were made of, in their order; `offset` is where the first one lies. */
  save(blob: Digest, offset: number, pieces: readonly WrittenPiece[]): Promise<void>;
  close(): Promise<void>;
}

/** Part of the path: another version neither reads nor harms it. */
export const PIECES_VERSION = 'v1';
const FOLDER = `pieces/${PIECES_VERSION}`;
const KEY_FILE = 'pieces/key';
const KEY_BYTES = 32;
const SEAL_BYTES = 32;
const TAG_BYTES = 16;
const LINE_BYTES = 2 * TAG_BYTES + 8;
const HEADER_BYTES = 8;
/** Blobs that are looked into, the latest first; an older one is known no more. */
const MAX_BLOBS = 32;

/** The files of the index, for pruning: those of blobs that are gone. */
export async function orphanedIndexFiles(store: BlobStore): Promise<string[]> {
  const folder = path.join(store.folder, FOLDER);
  const orphans: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const [hex, codec] = name.split('.');
    if (codec !== undefined && !(await store.has(`sha256:${hex}` as Digest))) orphans.push(path.join(folder, name));
  }
  return orphans;
}

/** The index of one blob. */
interface BlobIndex {
  readonly digest: Digest;
  readonly places: readonly Place[];
}

interface Place {
  readonly fingerprint: string;
  readonly blob: Digest;
  readonly offset: number;
  readonly crc: number;
  readonly length: number;
  readonly check: string;
}

export interface PieceIndexOptions extends StoreWriteOptions {
  /** false: finds nothing, and learns all the same (--no-cache). */
  readonly lookup: boolean;
}

/** Opens the index for a codec. @throws nothing: where there is no index, nothing is found */
export async function openPieceIndex(store: BlobStore, codec: string, options: PieceIndexOptions): Promise<PieceReuse> {
  const folder = path.join(store.folder, FOLDER);
  const key = await readKey(store, options);
  const indexes = options.lookup ? await load(folder, codec, key) : [];
  const known = placesOf(indexes);
  const open = new OpenBlobs(store, key.subarray(TAG_BYTES));
  const foundAt = ({ crc, length, check, ...place }: Place): FoundPiece => {
    return { crc, length, check, read: () => open.read({ crc, length, check, ...place }) };
  };
  return {
    blobs: indexes.map(({ digest, places }) => ({
      digest,
      pieces: places.length,
      fingerprint: (index) => places[index]?.fingerprint,
      piece: (index) => foundAt(places[index]!),
    })),
    fingerprint: (bytes) => gmac(key.subarray(0, TAG_BYTES), bytes),
    check: (bytes) => gmac(key.subarray(TAG_BYTES), bytes),
    find(fingerprint) {
      const place = known.get(fingerprint);
      return place && foundAt(place);
    },
    async save(blob, offset, pieces) {
      try {
        const name = `${hexOf(blob)}.${codec}`;
        const lines = encodeLines(offset, pieces);
        await writeStoreFile(
          store.folder,
          path.join(folder, name),
          Buffer.concat([sealOf(key, name, lines), lines]),
          options,
        );
        keepNewest(folder, 2 * MAX_BLOBS);
      } catch {
        // compressed again next time
      }
    },
    close: () => open.close(),
  };
}

/** GMAC with a constant nonce: the tags stay in the store, and nothing is encrypted under the key. */
function gmac(key: Uint8Array, bytes: Uint8Array): string {
  const cipher = createCipheriv('aes-128-gcm', key, NONCE);
  cipher.setAAD(bytes);
  cipher.final();
  return cipher.getAuthTag().toString('latin1');
}

const NONCE = Buffer.alloc(12);

function sealOf(key: Uint8Array, name: string, lines: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(`${name}\n`).update(lines).digest();
}

async function readKey(store: BlobStore, options: StoreWriteOptions): Promise<Buffer> {
  const file = path.join(store.folder, KEY_FILE);
  const known = await readFile(file).catch(() => undefined);
  if (known?.length === KEY_BYTES) return known;
  const fresh = randomBytes(KEY_BYTES);
  await writeStoreFile(store.folder, file, fresh, { ...options, mode: 0o600 }).catch(() => undefined);
  return fresh;
}

function encodeLines(offset: number, pieces: readonly WrittenPiece[]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + pieces.length * LINE_BYTES);
  bytes.writeDoubleLE(offset, 0);
  for (const [i, { fingerprint, check, crc, length }] of pieces.entries()) {
    const at = HEADER_BYTES + i * LINE_BYTES;
    bytes.write(fingerprint, at, 'latin1');
    bytes.write(check, at + TAG_BYTES, 'latin1');
    bytes.writeUInt32LE(crc, at + 2 * TAG_BYTES);
    bytes.writeUInt32LE(length, at + 2 * TAG_BYTES + 4);
  }
  return bytes;
}

async function load(folder: string, codec: string, key: Uint8Array): Promise<BlobIndex[]> {
  const aged: { readonly name: string; readonly mtime: number }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(`.${codec}`)) continue;
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found) aged.push({ name, mtime: found.mtimeMs });
  }
  aged.sort((a, b) => b.mtime - a.mtime);
  const indexes: BlobIndex[] = [];
  for (const { name } of aged.slice(0, MAX_BLOBS)) {
    const bytes = await readFile(path.join(folder, name)).catch(() => Buffer.alloc(0));
    const lines = bytes.subarray(SEAL_BYTES);
    if (!sealOf(key, name, lines).equals(bytes.subarray(0, SEAL_BYTES))) continue;
    indexes.push(decodeLines(`sha256:${name.slice(0, name.indexOf('.'))}` as Digest, lines));
  }
  return indexes;
}

function decodeLines(blob: Digest, lines: Buffer): BlobIndex {
  const places: Place[] = [];
  let offset = lines.readDoubleLE(0);
  for (let at = HEADER_BYTES; at < lines.length; at += LINE_BYTES) {
    const [crc, length] = [lines.readUInt32LE(at + 2 * TAG_BYTES), lines.readUInt32LE(at + 2 * TAG_BYTES + 4)];
    const fingerprint = lines.toString('latin1', at, at + TAG_BYTES);
    const check = lines.toString('latin1', at + TAG_BYTES, at + 2 * TAG_BYTES);
    places.push({ fingerprint, blob, offset, crc, length, check });
    offset += length;
  }
  return { digest: blob, places };
}

/** Where each piece lies, in the latest blob that has it. */
function placesOf(indexes: readonly BlobIndex[]): ReadonlyMap<string, Place> {
  const known = new Map<string, Place>();
  for (const { places } of indexes)
    for (const place of places) if (!known.has(place.fingerprint)) known.set(place.fingerprint, place);
  return known;
}

/** Blobs that pieces are taken from, each opened once. */
class OpenBlobs {
  readonly #store: BlobStore;
  readonly #key: Uint8Array;
  readonly #handles = new Map<Digest, Promise<FileHandle | undefined>>();

  constructor(store: BlobStore, key: Uint8Array) {
    this.#store = store;
    this.#key = key;
  }

  async read({ blob, offset, length, check }: Place): Promise<Uint8Array | undefined> {
    let handle = this.#handles.get(blob);
    if (!handle) {
      handle = open(this.#store.path(blob)).catch(() => undefined);
      this.#handles.set(blob, handle);
    }
    const bytes = Buffer.allocUnsafe(length);
    const read = await (await handle)?.read(bytes, 0, length, offset).catch(() => undefined);
    return read?.bytesRead === length && gmac(this.#key, bytes) === check ? bytes : undefined;
  }

  async close(): Promise<void> {
    for (const handle of this.#handles.values()) await (await handle)?.close().catch(() => undefined);
  }
}
