import type { DiagnosticCode } from './codes.js';

/** A place in a text: lines and columns count from 1; a column counts UTF-16 units; `end` is exclusive. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A stretch of a source file. `file` is the name as the user would write it. */
export interface SourceRange {
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
  /** The first line of the instruction that the place is in, which is the line that BuildKit names. */
  readonly instructionLine?: number;
}

/** The one way to say that something is wrong: location is data, drawing is format.ts. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly range?: SourceRange;
  /** What to type instead, or where to look. */
  readonly hint?: string;
}

/** Receives diagnostics while a phase goes on to find more. */
export type Report = (diagnostic: Diagnostic) => void;
