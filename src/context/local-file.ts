/** Files of a folder in little memory: a context may have hundreds of thousands, and each lives through the whole build. */
import type { FileContent } from '../snapshot/content.js';
import type { FileState, Stamp, StampTable } from '../util/stamp.js';

/** The bytes of a file of a folder, in the state in which it was listed. */
export class LocalFile implements FileContent {
  readonly kind = 'file';
  readonly offset = 0;
  readonly label: string;
  readonly #root: string;
  readonly #stamps: StampTable;
  readonly #index: number;

  /** @param path below `root` */
  constructor(root: string, path: string, stamps: StampTable, state: FileState) {
    this.label = path;
    this.#root = root;
    this.#stamps = stamps;
    this.#index = stamps.add(state);
  }

  get path(): string {
    return `${this.#root}/${this.label}`;
  }

  get stamp(): Stamp {
    return this.#stamps.get(this.#index);
  }
}
