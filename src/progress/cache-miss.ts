/** Why a layer was written although there is a cache: data for printers and reports; sentences are made of it in cli/explanation.ts. */

/** How a path of a layer differs from what it was; `before` and `after` where there is something to show. */
export interface FieldChange {
  readonly field: 'type' | 'content' | 'mode' | 'owner' | 'mtime' | 'target' | 'hard link' | 'device';
  readonly before?: string;
  readonly after?: string;
}

/** A path of a layer that is not as it was. */
export type PathChange =
  | { readonly path: string; readonly how: 'added' | 'removed' }
  | { readonly path: string; readonly how: 'changed'; readonly fields: readonly FieldChange[] };

export type CacheMiss =
  /** `--no-cache`. */
  | { readonly kind: 'off' }
  /** Nothing is remembered of a build of this context, Dockerfile, target and platform. */
  | { readonly kind: 'first-build' }
  /** The Dockerfile had another instruction here, or none. */
  | { readonly kind: 'instruction'; readonly before?: string }
  /** The same files were written in another form. */
  | { readonly kind: 'option'; readonly option: string; readonly before: string; readonly after: string }
  /** Files differ: the first that does, and how many more. `first` is absent where too many were there to remember each. */
  | { readonly kind: 'files'; readonly first?: PathChange; readonly more: number }
  /** Nothing differs, and yet the store has no record of the layer: it was pruned, or damaged. */
  | { readonly kind: 'no-record' }
  /** Nothing differs and there is a record, but the blob was gone or damaged. */
  | { readonly kind: 'no-blob' };
