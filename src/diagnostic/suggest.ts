import { compareBytes } from '../util/text.js';

export interface SuggestOptions {
  /** Whether case counts as no difference at all, as for keywords and flags of a Dockerfile. */
  readonly caseInsensitive?: boolean;
}

/** Edits that make another word of a word of any length. */
const MAX_EDITS = 8;

/**
 * The candidate that was probably meant by `word`, if one is near enough: first one that differs in case alone, then the one with the
 * fewest edits (insertion, deletion, substitution, swap of neighbours), at most a third of the longer of the two.
 * The answer does not depend on the order of the candidates: the first in byte order wins a tie. The word itself is never the answer.
 */
export function suggest(word: string, candidates: Iterable<string>, options: SuggestOptions = {}): string | undefined {
  const folded = word.toLowerCase();
  const rows = [0, 1, 2].map(() => new Uint32Array(Math.max(word.length, folded.length) + 1)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let best: string | undefined;
  let fewest = MAX_EDITS;
  for (const candidate of candidates) {
    if (candidate === word) continue;
    const limit = Math.min(fewest, Math.floor(Math.max(word.length, candidate.length) / 3));
    const edits = distance(candidate, { word, folded, rows, limit, foldCase: options.caseInsensitive ?? false });
    if (edits > fewest) continue;
    if (edits === fewest && best !== undefined && compareBytes(best, candidate) <= 0) continue;
    best = candidate;
    fewest = edits;
  }
  return best;
}

interface Search {
  readonly word: string;
  readonly folded: string;
  readonly foldCase: boolean;
  readonly limit: number;
  /** Three rows of the table, made once for all candidates. */
  readonly rows: readonly [Uint32Array, Uint32Array, Uint32Array];
}

/** Edits between a candidate and the word, 0 when they differ in case alone; Infinity when above the limit. */
function distance(candidate: string, { word, folded, foldCase, limit, rows }: Search): number {
  if (Math.abs(candidate.length - word.length) > Math.max(1, limit)) return Number.POSITIVE_INFINITY;
  const other = candidate.toLowerCase();
  if (folded === other) return 0;
  const [a, b] = foldCase ? [other, folded] : [candidate, word];
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return editDistance(a.slice(start, a.length - end), b.slice(start, b.length - end), limit, rows);
}

/**
 * Damerau-Levenshtein distance in its restricted form (no edit within a swapped pair), Infinity when above `limit`.
 * Only the cells within `limit` of the diagonal are looked at, so that a context of 100,000 names is searched in no time.
 */
function editDistance(a: string, b: string, limit: number, [row0, row1, row2]: Search['rows']): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  const far = limit + 1;
  let [two, one, row] = [row0, row1, row2];
  for (let j = 0; j <= b.length; j++) one[j] = Math.min(j, far);
  let leastBefore = 0;
  for (let i = 1; i <= a.length; i++) {
    row.fill(far, 0, b.length + 1);
    if (i <= limit) row[0] = i;
    let least = row[0]!;
    const last = Math.min(b.length, i + limit);
    for (let j = Math.max(1, i - limit); j <= last; j++) {
      let edits = one[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      if (one[j]! < edits) edits = one[j]! + 1;
      if (row[j - 1]! < edits) edits = row[j - 1]! + 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped && two[j - 2]! < edits) edits = two[j - 2]! + 1;
      if (edits < far) row[j] = edits;
      if (edits < least) least = edits;
    }
    if (least > limit && leastBefore >= limit) return Number.POSITIVE_INFINITY; // a swap may still reach back over this row
    leastBefore = least;
    [two, one, row] = [one, row, two];
  }
  return one[b.length]! > limit ? Number.POSITIVE_INFINITY : one[b.length]!;
}
