/** Room for a path in the memory of a program, for as long as a call takes: a call names paths by where they stand in that memory. */

/** A memory of WebAssembly; its buffer is another one after it has grown. */
export interface GuestMemory {
  readonly buffer: ArrayBufferLike;
}

type Stretch = readonly [at: number, size: number];

/** One call. Nothing else runs in the program meanwhile, so that what is lent is not missed. */
export class ScratchCall {
  readonly #bytes: Buffer;
  readonly #taken: Stretch[];
  readonly #saved: { readonly at: number; readonly bytes: Buffer }[] = [];

  /** @param uses what the call reads or writes besides its paths, and so cannot be lent */
  constructor(memory: GuestMemory, uses: readonly Stretch[]) {
    this.#bytes = Buffer.from(memory.buffer as ArrayBuffer);
    this.#taken = [...uses];
  }

  /** A text of the program, as latin1; it is not lent. undefined outside of the memory. */
  read(at: number, size: number): string | undefined {
    if (at + size > this.#bytes.length) return undefined;
    this.#taken.push([at, size]);
    return this.#bytes.toString('latin1', at, at + size);
  }

  /** Puts a text into the memory. @returns where; undefined when there is no room */
  lend(text: string): number | undefined {
    const size = text.length;
    const fits = (at: number) =>
      at >= 0 && at + size <= this.#bytes.length && this.#taken.every(([t, n]) => at + size <= t || t + n <= at);
    // the ends of the memory, or right behind what is taken
    const at = [0, this.#bytes.length - size, ...this.#taken.map(([t, n]) => t + n)].find(fits);
    if (at === undefined) return undefined;
    this.#saved.push({ at, bytes: Buffer.from(this.#bytes.subarray(at, at + size)) });
    this.#taken.push([at, size]);
    this.#bytes.write(text, at, 'latin1');
    return at;
  }

  /** Gives back what was lent. */
  restore(): void {
    for (const { at, bytes } of this.#saved) this.#bytes.set(bytes, at);
  }
}
