/** Threads that compress pieces: for machines with more cores than Node's own threads, and for pako and zstd, which would hold up everything else. */
import { existsSync } from 'node:fs';
import type { Worker as NodeWorker } from 'node:worker_threads';

/** What a worker is told when it starts. */
export interface DeflateJob {
  readonly level: number;
  readonly engine: 'node' | 'pako' | 'zstd';
}

export interface DeflateWorkers {
  readonly deflate: (piece: Uint8Array) => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

/** The worker beside this file, beside the bundle, or (in tests) in what was built. */
const PLACES = ['./deflate-worker.js', './deflate-worker.cjs', '../../dist/layer/deflate-worker.js'];

/** Starts threads. A thread that fails fails the pieces that it has; undefined where threads cannot be had. */
export async function startWorkers(count: number, job: DeflateJob): Promise<DeflateWorkers | undefined> {
  const file = PLACES.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(url));
  if (!file) return undefined;
  const { Worker } = await import('node:worker_threads');
  const threads = Array.from({ length: count }, () => new Thread(new Worker(file, { workerData: job })));
  return {
    deflate: (piece) => threads.reduce((a, b) => (b.load < a.load ? b : a)).deflate(piece),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

interface Waiting {
  readonly resolve: (out: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, which answers in the order in which it was asked. */
class Thread {
  readonly #worker: NodeWorker;
  readonly #waiting: Waiting[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(worker: NodeWorker) {
    this.#worker = worker;
    worker.on('message', (out: Uint8Array) =>
      this.#waiting.shift()!.resolve(Buffer.from(out.buffer, out.byteOffset, out.length)),
    );
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('a thread that compresses has ended')));
    worker.unref();
  }

  get load(): number {
    return this.#waiting.length;
  }

  deflate(piece: Uint8Array): Promise<Uint8Array> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(piece);
    }).finally(() => {
      if (this.load === 0) this.#worker.unref();
    }) as Promise<Uint8Array>;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
