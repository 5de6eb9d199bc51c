/**
 * The blobs of one build: those of the store, and those that the store could not take (a full disk, a folder that lost its permissions) or keep,
 * which lie in a spare store that ends with the build. So a store that fails costs a build its cache, and not its output.
 */
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Digest } from '../util/digest.js';
import { BlobStore, type ContentReader } from './blobs.js';
import type { StoreWriteOptions } from './store-files.js';

export interface BuildBlobsOptions extends StoreWriteOptions {
  readonly store: BlobStore;
  /** Makes the folder of the spare store. */
  readonly spare: () => string;
  /** Hears once that the store is given up, and why; it may throw. */
  readonly lost: (why: string) => void;
}

export class BuildBlobs implements ContentReader {
  readonly store: BlobStore;
  readonly #options: BuildBlobsOptions;
  #spare: BlobStore | undefined;
  #apart = false;

  constructor(options: BuildBlobsOptions) {
    this.#options = options;
    this.store = options.store;
  }

  /**
   * Runs a write on the store; where that cannot take it, once more on the spare one.
   * @returns what it made, and whether it is in the store
   * @throws BuildError `StoreNotWritable` when neither can; what `write` throws for reasons of its own
   */
  async write<T>(write: (store: BlobStore) => Promise<T>): Promise<{ readonly made: T; readonly lasting: boolean }> {
    if (!this.#spare) {
      try {
        return { made: await write(this.store), lasting: true };
      } catch (error) {
        if (!isStoreError(error)) throw error;
        this.#giveUp(error);
      }
    }
    return { made: await write(this.#spare!), lasting: false };
  }

  /** From now on everything is written to the spare store, and nothing of the store is used: for a build whose blobs go as fast as it finds them. */
  keepApart(): void {
    this.#openSpare();
    this.#apart = true;
  }

  /** Whether {@link keepApart} was called. */
  get apart(): boolean {
    return this.#apart;
  }

  #openSpare(): void {
    this.#spare ??= new BlobStore(this.#options.spare(), { onStep: this.#options.onStep });
  }

  /** @throws as {@link BlobStore.read} does */
  async *read(digest: Digest): AsyncGenerator<Uint8Array, void> {
    yield* (await this.#holder(digest)).read(digest);
  }

  /** Whether the blob has the bytes that its digest says: reads all of it. */
  async isWhole(digest: Digest): Promise<boolean> {
    return (await this.#holder(digest)).isWhole(digest);
  }

  async remove(digest: Digest): Promise<void> {
    await (await this.#holder(digest)).remove(digest);
  }

  /** Whether the blob is in the store, and not only in the spare one. */
  isLasting(digest: Digest): Promise<boolean> {
    return this.store.has(digest);
  }

  async #holder(digest: Digest): Promise<BlobStore> {
    return this.#spare && (await this.#spare.has(digest)) ? this.#spare : this.store;
  }

  #giveUp(error: BuildError): void {
    if (this.#spare) return; // another layer was first
    try {
      this.#openSpare();
    } catch (second) {
      if (errnoOf(second) === undefined) throw second;
      const { message, hint } = error.diagnostics[0]!;
      const both = `${message}; nor can a temporary folder be made: ${describeErrno(second)}`;
      fail({ code: 'StoreNotWritable', message: both, ...(hint && { hint }) }, second);
    }
    this.#options.lost(error.diagnostics[0]!.message);
  }
}

function isStoreError(error: unknown): error is BuildError {
  return error instanceof BuildError && error.diagnostics.some((d) => d.code === 'StoreNotWritable');
}
