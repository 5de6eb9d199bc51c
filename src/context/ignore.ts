/**
 * Ignore files: `.dockerignore` and `<Dockerfile>.dockerignore`.
 * @see moby/patternmatcher ignorefile/ignorefile.go
 */
import type { Diagnostic, SourceRange } from '../diagnostic/diagnostic.js';
import { PatternError } from '../snapshot/glob.js';
import { PatternSet } from '../snapshot/patterns.js';
import { cleanPath } from '../util/go-path.js';
import { trimSpace } from '../util/text.js';

/** The patterns of an ignore file, each with its line. */
export interface IgnoreFile {
  /** Its name for messages. */
  readonly file: string;
  readonly patterns: readonly string[];
  /** The line of each pattern, from 1. */
  readonly lines: readonly number[];
  /** What cannot be understood, `InvalidIgnorePattern`: no build comes of a context with any. */
  readonly errors: readonly Diagnostic[];
}

/** Reads an ignore file. */
export function parseIgnoreFile(text: string, file: string): IgnoreFile {
  const patterns: string[] = [];
  const lines: number[] = [];
  const errors: Diagnostic[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const line = (i === 0 ? raw.replace(/^\ufeff/, '') : raw).replace(/\r$/, '');
    if (line.startsWith('#')) continue;
    const typed = trimSpace(line);
    if (typed === '') continue;
    const pattern = normalizePattern(typed);
    try {
      new PatternSet([pattern]);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      const range: SourceRange = {
        file,
        start: { line: i + 1, column: 1 },
        end: { line: i + 1, column: line.length + 1 },
      };
      const message = `the pattern ${JSON.stringify(typed)} cannot be understood`;
      errors.push({ code: 'InvalidIgnorePattern', severity: 'error', message, range, hint: hintFor(pattern) });
      continue;
    }
    patterns.push(pattern);
    lines.push(i + 1);
  }
  return { file, patterns, lines, errors };
}

function hintFor(pattern: string): string {
  if (pattern === '!') return 'a ! stands before the pattern that is taken back';
  if (/\\[0-9A-Za-z]/.test(pattern))
    return 'write / between folders; a backslash changes what the character behind it means';
  return 'close the bracket, or write \\[ for a bracket in a name';
}

/** A leading slash makes no difference; `.` and `..` are cleaned away. */
function normalizePattern(typed: string): string {
  const negated = typed.startsWith('!');
  let pattern = negated ? trimSpace(typed.slice(1)) : typed;
  if (pattern !== '') pattern = cleanPath(pattern);
  if (pattern.length > 1 && pattern.startsWith('/')) pattern = pattern.slice(1);
  return negated ? `!${pattern}` : pattern;
}
