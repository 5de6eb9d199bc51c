/** The only importer of ohm-js: grammars are generated into src/generated, hold no actions, and are matched here. */
import type { Grammar, Interval, MatchResult, Node } from 'ohm-js';

export type { Grammar, Interval, MatchResult, Node as OhmNode };

/** A match, to be given to a semantics, or where the text stops being one and what could stand there. */
export type Matched =
  | { readonly ok: true; readonly match: MatchResult }
  | { readonly ok: false; readonly position: number; readonly expected: string };

/**
 * Matches a whole text against a rule of a grammar (its first one unless named).
 * `position` counts UTF-16 units; `expected` is made of the descriptions of the grammar's rules ("a tag, or end of input").
 */
export function match(grammar: Grammar, text: string, rule?: string): Matched {
  const result = grammar.match(text, rule);
  if (!result.failed()) return { ok: true, match: result };
  return { ok: false, position: result.getRightmostFailurePosition(), expected: result.getExpectedText() };
}
