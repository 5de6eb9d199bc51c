/**
 * Which entries of a folder belong to a context, given what COPY reaches and what is ignored.
 * @see moby/buildkit vendor/github.com/tonistiigi/fsutil/filter.go
 */
import { type ParentMatches, type Pattern, PatternSet } from '../snapshot/patterns.js';

/** What is known of a directory for what lies below it. */
export interface FilterState {
  readonly included: ParentMatches;
  readonly excluded: ParentMatches;
}

export const TOP_STATE: FilterState = { included: [], excluded: [] };

export interface FilterResult extends FilterState {
  /** The entry is part of the context; a directory that is not may still hold entries that are. */
  readonly selected: boolean;
  /** For a directory: nothing below it can be selected. */
  readonly skip: boolean;
}

const EVERYTHING: FilterResult = { ...TOP_STATE, selected: true, skip: false };

export class PathFilter {
  readonly #include: PatternSet | undefined;
  readonly #exclude: PatternSet | undefined;
  readonly #plainIncludes: boolean;
  readonly #plainExceptions: boolean;
  readonly #hasLaterExcludes: boolean;

  /** @throws PatternError for a malformed pattern among them */
  constructor(includes: readonly string[] | undefined, excludes: readonly string[]) {
    this.#include = includes && includes.length > 0 ? new PatternSet(includes) : undefined;
    this.#exclude = excludes.length > 0 ? new PatternSet(excludes) : undefined;
    this.#plainIncludes = this.#include?.patterns.every((p) => p.negated || isPlain(p)) ?? true;
    const patterns = this.#exclude?.patterns ?? [];
    const exception = patterns.findIndex((p) => p.negated);
    this.#hasLaterExcludes = exception >= 0 && patterns.some((p, i) => i > exception && !p.negated);
    this.#plainExceptions = this.#exclude?.patterns.every((p) => !p.negated || isPlain(p)) ?? true;
  }

  /** Judges `a/b`, given the state of `a`. */
  judge(path: string, isDirectory: boolean, parent: FilterState): FilterResult {
    if (!this.#include && !this.#exclude) return EVERYTHING;
    const included = this.#include?.match(path, parent.included);
    let skip = false;
    let selected = true;
    if (included && !included.matched) {
      selected = false;
      skip ||=
        isDirectory &&
        this.#plainIncludes &&
        !reaches(
          this.#include!.patterns.filter((p) => !p.negated),
          path,
        );
    }
    const excluded = this.#exclude?.match(path, parent.excluded);
    if (excluded?.matched) {
      selected = false;
      skip ||=
        isDirectory &&
        this.#plainExceptions &&
        !reaches(
          this.#exclude!.patterns.filter((p) => p.negated),
          path,
        );
    }
    return { selected, skip, included: included?.matches ?? [], excluded: excluded?.matches ?? [] };
  }

  /**
   * Whether a file that {@link judge} selects is excluded all the same. It does not hold what is already excluded against further patterns, so that
   * with `**`, `!*.txt`, `d` the folder d is excluded by the first alone, and d/x.txt taken back although the last keeps it out. BuildKit's client
   * lists such a file, and then refuses to open it: an empty file is what comes of it.
   */
  keepsOut(file: string): boolean {
    return this.#hasLaterExcludes && this.#exclude!.match(file).matched;
  }
}

/** Whether one of the patterns names something below a directory. */
function reaches(patterns: readonly Pattern[], directory: string): boolean {
  return patterns.some((p) => `${withoutGlob(p.text)}/`.startsWith(`${directory}/`));
}

function withoutGlob(text: string): string {
  return text.replace(/\/\*\*$/, '').replace(/\/\*$/, '');
}

function isPlain(pattern: Pattern): boolean {
  return !/[*[\]?^\\]/.test(withoutGlob(pattern.text));
}
