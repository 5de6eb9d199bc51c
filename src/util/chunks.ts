/** Streams of bytes, as async iterables of chunks. */

const BLOCK = 256 * 1024;

/**
 * The same bytes in fewer chunks: small ones are gathered into blocks of 256 KiB, large ones pass as they are, uncopied.
 * Archives are made of 512-byte headers, and a system call for each would cost more than the bytes.
 * Every chunk is a buffer of its own, which the consumer may keep.
 */
export async function* coalesce(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let block = Buffer.allocUnsafe(BLOCK);
  let used = 0;
  for await (const chunk of chunks) {
    const large = chunk.length >= BLOCK / 4;
    if (used > 0 && (large || used + chunk.length > BLOCK)) {
      yield block.subarray(0, used);
      block = Buffer.allocUnsafe(BLOCK);
      used = 0;
    }
    if (large) {
      yield chunk;
      continue;
    }
    block.set(chunk, used);
    used += chunk.length;
  }
  if (used > 0) yield block.subarray(0, used);
}
