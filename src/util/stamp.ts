/**
 * What identifies a file on disk and its state: device, inode, size, mtime, ctime. Every build compares those of all files, so they lie as numbers in
 * tables and are compared there: objects of them would be most of what the collector of garbage goes through.
 */

/** As lstat and fstat give it; times in nanoseconds. */
export interface FileState {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** A state in a table: five numbers of 64 bits, in the byte order of this machine, from `at` on. */
export interface Stamp {
  readonly table: Table;
  /** Counted in numbers. */
  readonly at: number;
}

/** One stretch of memory, seen in three ways. */
interface Table {
  readonly numbers: BigInt64Array;
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

const FIELDS = 5;
const FIRST = 1024;

/** The length of a stamp. */
export const STAMP_BYTES = 8 * FIELDS;

/** Stamps by their number. */
export class StampTable {
  #table = tableOf(FIRST * FIELDS);
  #count = 0;

  /** Keeps a stamp. @returns its number */
  add(state: FileState): number {
    const at = this.#count * FIELDS;
    if (at === this.#table.numbers.length) {
      const larger = tableOf(2 * at);
      larger.numbers.set(this.#table.numbers);
      this.#table = larger;
    }
    put(this.#table, at, state);
    return this.#count++;
  }

  get(index: number): Stamp {
    return { table: this.#table, at: index * FIELDS };
  }
}

/** A stamp in a table of its own. */
export function stampOf(state: FileState): Stamp {
  const table = tableOf(FIELDS);
  put(table, 0, state);
  return { table, at: 0 };
}

/** Whether it is the stamp of this state. */
export function isStampOf({ table: { words }, at }: Stamp, state: FileState): boolean {
  put(SCRATCH, 0, state);
  for (let i = 0; i < 2 * FIELDS; i++) if (words[2 * at + i] !== SCRATCH.words[i]) return false;
  return true;
}

const SCRATCH = tableOf(FIELDS);

/** The state that a stamp is of. */
export function stateOf({ table: { numbers }, at }: Stamp): FileState {
  return {
    dev: BigInt.asUintN(64, numbers[at]!),
    ino: BigInt.asUintN(64, numbers[at + 1]!),
    size: numbers[at + 2]!,
    mtimeNs: numbers[at + 3]!,
    ctimeNs: numbers[at + 4]!,
  };
}

/** Whether both times are at a moment or before. */
export function isOlderThan({ table: { numbers }, at }: Stamp, ns: bigint): boolean {
  return numbers[at + 3]! <= ns && numbers[at + 4]! <= ns;
}

function tableOf(length: number): Table {
  const numbers = new BigInt64Array(length);
  const { buffer } = numbers;
  return { numbers, words: new Int32Array(buffer), bytes: Buffer.from(buffer) };
}

function put({ numbers }: Table, at: number, { dev, ino, size, mtimeNs, ctimeNs }: FileState): void {
  numbers[at] = dev;
  numbers[at + 1] = ino;
  numbers[at + 2] = size;
  numbers[at + 3] = mtimeNs;
  numbers[at + 4] = ctimeNs;
}
