/**
 * `name = value` as parser directives have it, in comments at the top of the file and right above an instruction.
 * @see moby/buildkit frontend/dockerfile/parser/directives.go (DirectiveParser.ParseLine)
 */
import { trimLeft } from '../util/text.js';

export interface Directive {
  /** In lower case. */
  readonly name: string;
  readonly value: string;
}

/** Go's `\s`, and what a directive's value is cut of. */
const BLANKS = '\t\n\f\r ';

/** Reads a comment without its `#`; undefined when it is no directive. A value of nothing but blanks is the last of them. */
export function readDirective(comment: string): Directive | undefined {
  const match = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=/.exec(trimLeft(comment));
  if (!match) return undefined;
  const typed = trimLeft(comment).slice(match[0].length);
  // by hand: an expression that looks for the blanks at the end takes the square of the blanks within
  let [start, end] = [0, typed.length];
  while (end > 0 && BLANKS.includes(typed[end - 1]!)) end--;
  while (start < end && BLANKS.includes(typed[start]!)) start++;
  const value = typed.slice(start, end) || typed.slice(-1);
  return value === '' ? undefined : { name: match[1]!.toLowerCase(), value };
}
