import type { CauseCode } from './causes.js';

/** One way in which two images differ, as data. `a` and `b` are values as people read them; undefined where a side has none. */
export interface Difference {
  readonly code: CauseCode;
  /** Of the image, where several are compared. */
  readonly platform?: string;
  /** Counted from 1, the lowest first. */
  readonly layer?: number;
  /** A file in the layer; bytes that are not UTF-8 as util/text.ts has them. */
  readonly path?: string;
  /** `config.Env[0]`, `layers[1].mediaType`. */
  readonly field?: string;
  readonly a?: string;
  readonly b?: string;
  readonly content?: ContentDifference;
}

/** How the bytes of a file differ. */
export interface ContentDifference {
  readonly sizeA: number;
  readonly sizeB: number;
  /** The first byte that differs; the shorter size where one file is the beginning of the other. undefined: not looked for. */
  readonly offset?: number;
  /** How many bytes differ, where the sizes are equal. */
  readonly bytes?: number;
  /** Bytes from the offset on, in hex. */
  readonly a?: string;
  readonly b?: string;
  /** A unified diff without its head, where both are small texts. */
  readonly text?: readonly string[];
  readonly wasm?: readonly SectionDifference[];
  /** The digest of a file that only one side has. */
  readonly digest?: string;
}

/** A section of a WebAssembly file that differs, or that one side lacks. */
export interface SectionDifference {
  readonly name: string;
  readonly custom: boolean;
  readonly sizeA?: number;
  readonly sizeB?: number;
  /** What only one side says in it: producers, paths, names. */
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
}
