import { createHash, type Hash } from 'node:crypto';

/** A SHA-256 digest as OCI writes it, `sha256:<64 hex digits>`; made only by the functions of this file. */
export type Digest = `sha256:${string}` & { readonly __brand: 'Digest' };

const PATTERN = /^sha256:[0-9a-f]{64}$/;

/**
 * Validates a digest from outside.
 * @throws Error when `text` is not `sha256:` and 64 lower-case hex digits (image-spec, descriptor.md, "Digests").
 */
export function parseDigest(text: string): Digest {
  if (!PATTERN.test(text)) throw new Error(`not a sha256 digest: ${JSON.stringify(text)}`);
  return text as Digest;
}

/** The digest of bytes; a string is hashed as UTF-8. */
export function sha256(data: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}` as Digest;
}

/** The 64 hex digits of a digest, which are also its file name in an OCI layout. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** A running SHA-256 that also counts its bytes. */
export class DigestStream {
  readonly #hash: Hash = createHash('sha256');
  size = 0;

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.size += chunk.byteLength;
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}` as Digest;
  }
}
