import type { Platform } from '../oci/descriptor.js';
import type { Target } from '../oci/image.js';
import type { Emit } from '../progress/event.js';
import type { DirectoryNode } from '../snapshot/file-tree.js';
import type { ContentReader } from '../store/blobs.js';

/** Where an export goes. `stdout` is a stream that is given, so that exporters never touch `process`. */
export type Destination =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'stream'; readonly stream: NodeJS.WritableStream }
  | { readonly kind: 'none' };

/** The root filesystem of an image. */
export interface Root {
  readonly platform: Platform;
  readonly tree: DirectoryNode;
}

/** What an exporter may read: the result of a build. */
export interface ExportInput {
  readonly target: Target;
  /** The root filesystems, for `local` and `tar`: one for each platform, in the order of the images. */
  readonly roots: readonly Root[];
  /** A folder for each platform; undefined: where there are several. */
  readonly platformSplit?: boolean;
  readonly content: ContentReader;
  /** Image names as given with -t or name=, normalised (`docker.io/library/app:latest`). */
  readonly names: readonly string[];
  /** Seconds since 1970; every mtime is at most this. */
  readonly epochSeconds: number;
  readonly emit: Emit;
}

/** One output type: reads the input, writes the destination whole or not at all. */
export interface Exporter {
  /** @throws BuildError `OutputNotWritable`; `DamagedBlob`, `FileChanged` and `FileNotReadable` for what is read */
  export(input: ExportInput, to: Destination): Promise<void>;
}
