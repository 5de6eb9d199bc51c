/**
 * The operations of LLB that wbuild makes; fields and their meaning as in BuildKit.
 * @see moby/buildkit solver/pb/ops.proto
 */
import type { SourceRange } from '../diagnostic/diagnostic.js';
import type { Digest } from '../util/digest.js';

export type Op = SourceOp | FileOp | MergeOp;

/** Files from outside: `local://<context>`. */
export interface SourceOp {
  readonly kind: 'source';
  readonly identifier: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** Changes to a file system, one after another. */
export interface FileOp {
  readonly kind: 'file';
  readonly actions: readonly FileAction[];
}

/** An input of an action: an index into the vertex's inputs, those + n for what action n made, or {@link SCRATCH}. */
export type InputIndex = number;
export const SCRATCH: InputIndex = -1;

export interface FileAction {
  /** What is changed. */
  readonly input: InputIndex;
  /** What is copied from. */
  readonly secondaryInput: InputIndex;
  /** Which output of the vertex this is, or -1. */
  readonly output: number;
  readonly action: CopyAction | MkfileAction;
}

export interface CopyAction {
  readonly kind: 'copy';
  readonly src: string;
  readonly dest: string;
  readonly owner?: Owner;
  /** Permission bits, or -1 to keep those of the source. */
  readonly mode: number;
  readonly followSymlink: boolean;
  readonly dirCopyContents: boolean;
  readonly createDestPath: boolean;
  readonly allowWildcard: boolean;
  readonly allowEmptyWildcard: boolean;
  readonly includePatterns: readonly string[];
  readonly excludePatterns: readonly string[];
  /** --chmod in symbols; wins over mode. */
  readonly modeStr: string;
  readonly requiredPaths: readonly string[];
}

export interface MkfileAction {
  readonly kind: 'mkfile';
  readonly path: string;
  readonly mode: number;
  readonly data: Uint8Array;
}

export interface Owner {
  readonly user?: UserOpt;
  readonly group?: UserOpt;
}

/** An id, or a name to look up in /etc/passwd or /etc/group of an input. */
export type UserOpt = { readonly id: number } | { readonly name: string; readonly input: InputIndex };

/** File trees laid over one another, the last on top: COPY --link. */
export interface MergeOp {
  readonly kind: 'merge';
  readonly inputs: readonly InputIndex[];
}

/** Lines of the Dockerfile, both of them included, from 1. */
export interface LineSpan {
  readonly first: number;
  readonly last: number;
}

/** What is known of a vertex besides its op; never part of its digest. */
export interface OpMetadata {
  /** For people: "[2/3] COPY a /". */
  readonly name: string;
  /** Where in the Dockerfile it comes from. */
  readonly ranges: readonly SourceRange[];
  /** Of what an instruction makes: the lines of all of it, those of its heredocs as well. */
  readonly lines?: readonly LineSpan[];
  /** Of a file op: where the source of each action stands. */
  readonly actionRanges?: readonly SourceRange[];
  /** Of a file op: the source of each action as the Dockerfile has it, variables expanded. */
  readonly actionTexts?: readonly string[];
  /** Of a source op: where each path that it is cut down to is named. */
  readonly pathRanges?: ReadonlyMap<string, SourceRange>;
  /** Of a file op with --chown: where that stands, and whether the copy is made on nothing (--link). */
  readonly owner?: { readonly range: SourceRange; readonly link: boolean };
  /** The capabilities a daemon must have. */
  readonly caps: readonly string[];
  readonly progressGroup?: { readonly name: string; readonly weak: boolean };
}

/** A step of the build: an op and what it works on, named by the digest of its marshalled bytes. */
export interface Vertex {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly op: Op;
  readonly inputs: readonly Vertex[];
  /** The order in which BuildKit lists the inputs when it writes a definition; the same vertices, maybe in another order. */
  readonly listing: readonly Vertex[];
  readonly metadata: OpMetadata;
}
