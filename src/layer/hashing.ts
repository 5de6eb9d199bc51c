/**
 * SHA-256 of streams, in this thread or in another one.
 *
 * A layer is hashed twice as it passes, the tar stream for its diff ID and each file for the cache key, and once more compressed. In one
 * thread that is most of what a layer costs that is not compressed, or of which little changed; in two, it overlaps with reading, finding
 * pieces and writing.
 */
import { existsSync } from 'node:fs';
import type { Worker as NodeWorker } from 'node:worker_threads';
import { type Digest, DigestStream, sha256 } from '../util/digest.js';

/** A running SHA-256. What it is given must not change until {@link Hashing.room} comes back. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  digest(): Promise<Digest>;
}

export interface Hashing {
  /** Memory for bytes that are to be hashed; what was there before may still be in it. */
  alloc(size: number): Buffer;
  /** Memory of `alloc` that nobody needs any more, once what is to be hashed of it is. */
  release(bytes: Uint8Array): void;
  open(): StreamHash;
  /** The digests of stretches of bytes, which must not change until they come. @param parts the offset and the length of each */
  digestsOf(bytes: Uint8Array, parts: readonly number[]): Promise<readonly Digest[]>;
  /** Comes back when not too much waits. */
  room(): Promise<void>;
  close(): Promise<void>;
}

/** In this thread, at once. */
export const HERE: Hashing = {
  alloc: (size) => Buffer.allocUnsafe(size),
  open() {
    const hash = new DigestStream();
    return { update: (bytes) => hash.update(bytes), digest: async () => hash.digest() };
  },
  digestsOf: async (bytes, parts) => digestsOf(bytes, parts),
  release: () => undefined,
  room: async () => undefined,
  close: async () => undefined,
};

/** As {@link Hashing.digestsOf} does. */
export function digestsOf(bytes: Uint8Array, parts: ArrayLike<number>): Digest[] {
  const digests: Digest[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const offset = parts[i]!;
    digests.push(sha256(bytes.subarray(offset, offset + parts[i + 1]!)));
  }
  return digests;
}

/** To the thread: bytes for a stream, the question for its digest, or for those of stretches of bytes. */
export type HashMessage =
  | { readonly stream: number; readonly bytes?: Uint8Array }
  | { readonly stream?: undefined; readonly bytes: Uint8Array; readonly parts: Uint32Array };

/** From the thread, in the order of the questions: nothing for an update, else what was asked for. */
export type HashAnswer = readonly Digest[];

/**
 * Below this many bytes starting a thread costs more than it saves. A layer that is compressed keeps all cores busy with that; one that is not
 * has a core to spare.
 */
const WORTH_A_THREAD = { compressed: 64 * 1024 * 1024, uncompressed: 16 * 1024 * 1024 } as const;

/** From here on the tar stream and the files in it are hashed side by side: each takes as long as all the rest where little is compressed. */
const WORTH_TWO_THREADS = 256 * 1024 * 1024;

/** Updates that may wait, of a megabyte each: what is read while the thread starts. */
const MAX_WAITING = 8;

const PLACES = ['./hash-worker.js', './hash-worker.cjs', '../../dist/layer/hash-worker.js'];

/** How a layer of so many bytes is hashed on a machine of so many cores. */
export async function hashingFor(
  bytes: number,
  { cores, compressed }: { readonly cores: number; readonly compressed: boolean },
): Promise<Hashing> {
  if (bytes < WORTH_A_THREAD[compressed ? 'compressed' : 'uncompressed'] || cores < 2) return HERE;
  return (await startHashThreads(bytes < WORTH_TWO_THREADS ? 1 : 2)) ?? HERE;
}

/** Hashing in threads of its own, which take the streams in turn; undefined where there are none to be had. */
export async function startHashThreads(count: number): Promise<Hashing | undefined> {
  const file = PLACES.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(url));
  if (!file) return undefined;
  const { Worker } = await import('node:worker_threads');
  const options = { resourceLimits: { maxYoungGenerationSizeMb: 8 } };
  return new HashThreads(Array.from({ length: count }, () => new Worker(file, options)));
}

/** Questions that a thread has not answered yet. It answers in the order in which it is asked. */
interface HashThread {
  readonly worker: NodeWorker;
  readonly waiting: { readonly resolve: (answer: HashAnswer) => void; readonly reject: (error: unknown) => void }[];
}

class HashThreads implements Hashing {
  readonly #threads: readonly HashThread[];
  #streams = 0;
  #failure: { readonly error: unknown } | undefined;
  /** By their memory: who still needs it. */
  readonly #users = new Map<ArrayBufferLike, number>();
  readonly #free: SharedArrayBuffer[] = [];
  #last: Promise<unknown>[] = [];

  constructor(workers: readonly NodeWorker[]) {
    this.#threads = workers.map((worker) => {
      const thread: HashThread = { worker, waiting: [] };
      worker.on('message', (answer: HashAnswer) => thread.waiting.shift()!.resolve(answer));
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', () => this.#fail(new Error('the thread that hashes has ended')));
      return thread;
    });
  }

  /** Shared, so that nothing is copied between the threads. */
  alloc(size: number): Buffer {
    const at = this.#free.findIndex((memory) => memory.byteLength >= size);
    const memory = at < 0 ? new SharedArrayBuffer(size) : this.#free.splice(at, 1)[0]!;
    this.#users.set(memory, 1);
    return Buffer.from(memory, 0, size);
  }

  release({ buffer }: Uint8Array): void {
    const users = this.#users.get(buffer);
    if (users === undefined) return;
    this.#users.set(buffer, users - 1);
    if (users > 1) return;
    this.#users.delete(buffer);
    this.#free.push(buffer as SharedArrayBuffer);
  }

  open(): StreamHash {
    const stream = this.#streams++;
    const thread = this.#threads[stream % this.#threads.length]!;
    return {
      update: (bytes) => {
        this.#using(thread, bytes, { stream, bytes }).catch(() => undefined); // the question for the digest fails, too
      },
      digest: async () => (await this.#ask(thread, { stream }))[0]!,
    };
  }

  async digestsOf(bytes: Uint8Array, parts: readonly number[]): Promise<readonly Digest[]> {
    if (parts.length === 0) return [];
    return this.#using(this.#threads.at(-1)!, bytes, { bytes, parts: Uint32Array.from(parts) });
  }

  /** A question about bytes, whose memory is kept until it is answered. */
  #using(thread: HashThread, bytes: Uint8Array, message: HashMessage): Promise<HashAnswer> {
    const { buffer } = bytes;
    const users = this.#users.get(buffer);
    if (users !== undefined) this.#users.set(buffer, users + 1);
    const answer = this.#ask(thread, message).finally(() => this.release(bytes));
    this.#last.push(answer.catch(() => undefined));
    return answer;
  }

  async room(): Promise<void> {
    while (this.#last.length > MAX_WAITING) await this.#last.shift();
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #ask({ worker, waiting }: HashThread, message: HashMessage): Promise<HashAnswer> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage(message);
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { waiting } of this.#threads) for (const { reject } of waiting.splice(0)) reject(error);
  }
}
