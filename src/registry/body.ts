/** Answers of which nothing is believed: never more bytes than expected, and only those of the digest. */
import { type Digest, DigestStream } from '../util/digest.js';
import { ConnectionError, type HttpResponse } from './transport.js';

/** All bytes of an answer; `tooLong` is called, for its result or its error, when there are more than `limit`. */
export async function readLimited(response: HttpResponse, limit: number, tooLong: () => Buffer): Promise<Buffer> {
  const announced = Number(response.headers['content-length'] ?? 0);
  if (announced > limit) {
    response.discard();
    return tooLong();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > limit) return tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Why bytes are not those of a descriptor. */
export type Mismatch = 'too-long' | 'wrong-digest';

/**
 * Passes bytes on while they can be those of a digest, across several answers: a body that breaks off is continued by the next one.
 * A body that ends too early is a ConnectionError, so that the caller asks for the rest.
 */
export class VerifiedBytes {
  readonly #hash = new DigestStream();

  constructor(
    private readonly digest: Digest,
    private readonly size: number,
    private readonly mismatch: (why: Mismatch) => never,
  ) {}

  /** How many bytes are good so far. */
  get offset(): number {
    return this.#hash.size;
  }

  /** @param skip bytes at the beginning that were there before: a server may not know of ranges */
  async *pass(body: AsyncIterable<Uint8Array>, skip = 0): AsyncGenerator<Uint8Array, void> {
    let left = skip;
    for await (const chunk of body) {
      const fresh = left >= chunk.length ? chunk.subarray(chunk.length) : chunk.subarray(left);
      left = Math.max(0, left - chunk.length);
      if (fresh.length === 0) continue;
      if (this.#hash.size + fresh.length > this.size) this.mismatch('too-long');
      this.#hash.update(fresh);
      yield fresh;
    }
    if (this.#hash.size < this.size) throw new ConnectionError('it sent less than it said', 'SHORT_BODY');
    this.finish();
  }

  /** To be called once all bytes are there, after an answer that did not end well: there is nothing left to ask for. */
  finish(): void {
    if (this.#hash.digest() !== this.digest) this.mismatch('wrong-digest');
  }
}
