/** An expansion that failed, in words: what BuildKit says of it, and what to write instead. */
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { ExpansionError } from './expand.js';

/** `knows`: "within a stage wbuild knows PATH alone", where no variables help. */
export interface ExpansionPlace {
  readonly escape: string;
  readonly knows: string;
}

/** The diagnostic of a word (or a heredoc) that cannot be expanded, but for its place. */
export function expansionProblem(
  text: string,
  { message }: ExpansionError,
  { escape, knows }: ExpansionPlace,
): Omit<Diagnostic, 'severity' | 'range'> {
  // the end of the text is no modifier
  const why = message.replace(/^unsupported modifier \(:?\) in substitution$/, "syntax error: missing '}'");
  const shown = text.includes('\n') ? 'the heredoc' : text;
  return { code: 'InvalidExpansion', message: `${shown}: ${why}`, hint: hintFor(why, escape, knows) };
}

function hintFor(why: string, escape: string, knows: string): string {
  const literal = `a $ that starts no variable is written ${escape}$`;
  if (/matching (single|double)-quote/.test(why))
    return `quotes join no words here: use COPY ["a b", "/dest"]; a quote in a name is written ${escape}", and in that form \\\\\\"`;
  if (/missing '[}/]'/.test(why)) return `close it in the same word, since a blank ends a word; ${literal}`;
  if (why.startsWith('unsupported modifier'))
    return 'known are ${X:-default} ${X:+other} ${X:?message} ${X#prefix} ${X%suffix} ${X/old/new} ${X//old/new}';
  if (why.startsWith('invalid pattern')) return 'in a pattern a backslash stands before *, ? or another backslash only';
  if (why.startsWith('syntax error')) return literal;
  return knows;
}
