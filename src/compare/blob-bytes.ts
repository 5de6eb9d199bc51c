/** Bytes of blobs: checked against their digest, unpacked, gathered. */
import { PassThrough, pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { fail } from '../diagnostic/build-error.js';
import { type Digest, DigestStream } from '../util/digest.js';

/** No manifest, index or config is larger than this. */
const MAX_JSON = 16 * 1024 * 1024;

/** An image that is damaged, or of a form that wbuild does not know. */
export function invalidImage(message: string, cause?: unknown, hint = 'make the image again'): never {
  return fail({ code: 'InvalidImage', message, hint }, cause);
}

/**
 * The same bytes, checked.
 * @throws BuildError `InvalidImage` at the end when they are not those of the digest
 */
export async function* checked(
  bytes: AsyncIterable<Uint8Array>,
  digest: Digest,
  label: string,
): AsyncGenerator<Uint8Array, void> {
  const hash = new DigestStream();
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = hash.digest();
  if (actual !== digest)
    invalidImage(`${label} is damaged: the ${hash.size} bytes of ${digest} have the digest ${actual}`);
}

/** A JSON document as one buffer. @throws BuildError `InvalidImage` when it is too large */
export async function gather(bytes: AsyncIterable<Uint8Array>, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_JSON)
      invalidImage(`${what} has more than ${MAX_JSON} bytes, which no JSON document of an image has`);
  }
  return Buffer.concat(chunks);
}

/** @throws BuildError `InvalidImage` when the bytes are no JSON object */
export function parseJson<T>(bytes: Uint8Array, what: string): T {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as T;
  } catch (error) {
    return invalidImage(`${what} is no JSON: ${(error as Error).message}`, error);
  }
  return invalidImage(`${what} is no JSON object`);
}

export type Compression = 'none' | 'gzip' | 'zstd';

/** How a blob is compressed, by its magic number. */
export function compressionOf(first: Uint8Array): Compression {
  if (first[0] === 0x1f && first[1] === 0x8b) return 'gzip';
  const zstd = first[0] === 0x28 && first[1] === 0xb5 && first[2] === 0x2f && first[3] === 0xfd;
  return zstd ? 'zstd' : 'none';
}

/**
 * The uncompressed bytes of a blob that is plain, gzip or zstd.
 * @throws BuildError `InvalidImage` when they are damaged
 */
export async function* unpacked(bytes: AsyncIterable<Uint8Array>, label: string): AsyncGenerator<Buffer, void> {
  const { first, all } = await peek(bytes);
  const out = unpacker(compressionOf(first), label);
  let failure: Error | undefined;
  pipeline(Readable.from(all, { objectMode: false }), out, (error) => {
    failure = error ?? undefined;
  });
  try {
    for await (const chunk of out) yield chunk as Buffer;
  } catch (error) {
    if ('diagnostics' in (error as object)) throw error;
    invalidImage(`${label} cannot be unpacked: ${(failure ?? (error as Error)).message}`, error);
  }
}

function unpacker(compression: Compression, label: string): NodeJS.ReadWriteStream & AsyncIterable<unknown> {
  if (compression === 'none') return new PassThrough();
  if (compression === 'gzip') return zlib.createGunzip();
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => ReturnType<typeof zlib.createGunzip> };
  if (createZstdDecompress) return createZstdDecompress();
  return invalidImage(
    `${label} is compressed with zstd, which this Node cannot read`,
    undefined,
    'use Node 22.15 or newer',
  );
}

/** The first four bytes of a stream, and the whole of it. */
export async function peek(bytes: AsyncIterable<Uint8Array>) {
  const chunks: Uint8Array[] = [];
  const iterator = bytes[Symbol.asyncIterator]();
  let size = 0;
  while (size < 4) {
    const next = await iterator.next();
    if (next.done) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { first: Buffer.concat(chunks).subarray(0, 4), all: all() };
}
