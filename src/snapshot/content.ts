import type { Digest } from '../util/digest.js';
import type { Stamp } from '../util/stamp.js';

/** Where the bytes of a file lie. Content is read once, when a layer is written; size is that of the file node. */
export type Content = FileContent | BytesContent;

/** Bytes on disk: a file of a context, or a range of a spooled tar. */
export interface FileContent {
  readonly kind: 'file';
  /** Absolute path, as a string that may carry raw bytes (util/text.ts). */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** The path as the user knows it, for messages. */
  readonly label: string;
  /**
   * The state of the file when it was listed: reading fails when it is no longer the same, since the layer would mix
   * two states. Absent for ranges of a file that only wbuild writes.
   */
  readonly stamp?: Stamp;
}

/** Bytes in memory: a heredoc. */
export interface BytesContent {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}
