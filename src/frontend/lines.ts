/**
 * Dockerfile text → logical lines, by BuildKit's rules: parser directives, comments, continuations, heredocs.
 * @see moby/buildkit frontend/dockerfile/parser/{parser,directives}.go
 */
import type { Diagnostic, Report, SourceRange } from '../diagnostic/diagnostic.js';
import { trimLeft, trimSpace } from '../util/text.js';
import { readDirective } from './directive.js';
import type { Heredoc } from './document.js';
import { type HeredocStart, heredocsOf } from './heredoc.js';

/** BuildKit reads lines into a buffer of 64 KiB. */
const MAX_LINE_BYTES = 65535;

/** One instruction's text, continuations joined. */
export interface LogicalLine {
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
  /** Where stretches of `text` come from, in order. */
  readonly pieces: readonly Piece[];
  readonly heredocs: readonly Heredoc[];
  readonly comments: readonly string[];
}

/** From `at` on, `text` is what stands at `line`, `column` of the file. */
interface Piece {
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

export interface LineResult {
  readonly lines: readonly LogicalLine[];
  readonly escape: string;
  readonly check: string | undefined;
}

/** The place of `text[start, end)` of a logical line. */
export function rangeOf(file: string, line: LogicalLine, start: number, end: number): SourceRange {
  const position = (offset: number) => {
    let lo = 0;
    let hi = line.pieces.length - 1;
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (line.pieces[mid]!.at <= offset) lo = mid;
      else hi = mid - 1;
    }
    const piece = line.pieces[lo]!;
    return { line: piece.line, column: piece.column + offset - piece.at };
  };
  const last = position(Math.max(start, end - 1)); // the end belongs to the piece of the last character
  const stop = { line: last.line, column: last.column + (end > start ? 1 : 0) };
  return { file, start: position(start), end: stop, instructionLine: line.startLine };
}

/**
 * Splits a Dockerfile.
 * @param text decoded by util/text.ts, a byte order mark still in front
 * @param report receives LineTooLong, InvalidDirective, UnterminatedHeredoc, EmptyDockerfile (errors) and NoEmptyContinuation
 */
export function readLines(text: string, file: string, report: Report): LineResult {
  return new LineReader(text, file, report).read();
}

class LineReader {
  readonly #physical: readonly string[];
  readonly #file: string;
  readonly #report: Report;
  /** Index of the next physical line. */
  #next = 0;
  #comments: string[] = [];
  readonly #directives = new Map<string, string>();
  #directivesDone = false;

  constructor(text: string, file: string, report: Report) {
    this.#file = file;
    this.#report = report;
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop(); // the newline that ends the last line
    if (lines[0]?.startsWith('\ufeff')) lines[0] = lines[0].slice(1);
    this.#physical = lines;
  }

  get #escape(): string {
    return this.#directives.get('escape') ?? '\\';
  }

  read(): LineResult {
    const lines: LogicalLine[] = [];
    if (this.#checkLengths()) {
      while (this.#next < this.#physical.length) {
        const line = this.#readLogicalLine();
        if (line) lines.push(line);
      }
      if (lines.length === 0) {
        const code = 'EmptyDockerfile' as const;
        const message = this.#physical.length === 0 ? 'the Dockerfile is empty' : 'the Dockerfile has no instruction';
        this.#error({ code, message, hint: 'a Dockerfile starts with FROM scratch' });
      }
    }
    return { lines, escape: this.#escape, check: this.#directives.get('check') };
  }

  /** Refuses lines that BuildKit's reader refuses; before anything else, so that a huge line costs nothing. */
  #checkLengths(): boolean {
    for (let i = 0; i < this.#physical.length; i++) {
      const line = this.#physical[i]!;
      if (line.length <= MAX_LINE_BYTES / 3) continue; // a UTF-16 unit is at most three bytes
      if (line.length <= MAX_LINE_BYTES && Buffer.byteLength(line) <= MAX_LINE_BYTES) continue;
      this.#error({
        code: 'LineTooLong',
        message: `line ${i + 1} is longer than ${MAX_LINE_BYTES} bytes`,
        range: this.#lineRange(i + 1, 1, 81),
        hint: 'break it with a continuation, or put the text in a file and COPY that',
      });
      return false;
    }
    return true;
  }

  #readLogicalLine(): LogicalLine | undefined {
    const startLine = this.#next + 1;
    const raw = this.#physical[this.#next++]!;
    const trimmed = trimNewline(raw);
    const first = trimLeft(trimmed);
    if (this.#takeDirective(first, startLine)) return undefined;
    if (first.startsWith('#')) {
      const comment = trimSpace(raw.slice(1));
      if (comment === '') this.#comments = [];
      else this.#comments.push(comment);
      return undefined;
    }
    if (first === '') return undefined;

    let [text, continued] = this.#cutContinuation(first);
    const pieces: Piece[] = [{ at: 0, line: startLine, column: trimmed.length - first.length + 1 }];
    let blankLine = 0;
    const parts = [text];
    let length = text.length;
    while (continued && this.#next < this.#physical.length) {
      const line = trimNewline(this.#physical[this.#next++]!);
      const lead = trimLeft(line);
      if (lead.startsWith('#')) continue;
      if (lead === '') {
        blankLine = this.#next;
        continue;
      }
      pieces.push({ at: length, line: this.#next, column: 1 });
      const [piece, more] = this.#cutContinuation(line);
      parts.push(piece);
      length += piece.length;
      continued = more;
    }
    text = parts.join('');
    if (blankLine > 0) this.#warnBlank(blankLine);
    const starts = heredocsOf(text, this.#escape);
    const heredocs = starts.map((start) => this.#readHeredoc(start, startLine));
    const comments = this.#comments;
    this.#comments = [];
    return { text, startLine, endLine: this.#next, pieces, heredocs, comments };
  }

  #readHeredoc(start: HeredocStart, startLine: number): Heredoc {
    const from = this.#next;
    while (this.#next < this.#physical.length) {
      let line = trimNewline(this.#physical[this.#next++]!);
      if (start.stripTabs) line = line.replace(/^\t+/, '');
      if (line !== start.name) continue;
      const content = this.#physical.slice(from, this.#next - 1).map((l) => `${l}\n`);
      return { ...start, content: content.join('') };
    }
    this.#error({
      code: 'UnterminatedHeredoc',
      message: `the heredoc <<${start.name} is never ended`,
      range: this.#lineRange(startLine),
      hint: `end it with a line that holds ${start.name} and nothing else`,
    });
    return { ...start, content: '' };
  }

  /** A backslash at the end of a line continues it, blanks and tabs behind it allowed, unless another stands right before it. */
  #cutContinuation(line: string): [text: string, continued: boolean] {
    let end = line.length;
    while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
    if (end === 0 || line[end - 1] !== this.#escape) return [line, false];
    if (end > 1 && line[end - 2] === this.#escape) return [line, false];
    return [line.slice(0, end - 1), true];
  }

  /** Directives stand before anything else, blank lines and plain comments included. */
  #takeDirective(line: string, number: number): boolean {
    if (this.#directivesDone) return false;
    const directive = line.startsWith('#') ? readDirective(line.slice(1)) : undefined;
    if (!directive || !['syntax', 'escape', 'check'].includes(directive.name)) {
      this.#directivesDone = true;
      return false;
    }
    const { name, value } = directive;
    const range = this.#lineRange(number);
    if (this.#directives.has(name)) {
      const hint = 'remove one of them';
      this.#error({ code: 'InvalidDirective', message: `the directive ${name} may stand only once`, range, hint });
    } else if (name === 'escape' && value !== '\\' && value !== '`') {
      const hint = 'write # escape=\\ or # escape=`';
      this.#error({
        code: 'InvalidDirective',
        message: `${JSON.stringify(value)} cannot be the escape character`,
        range,
        hint,
      });
    } else {
      this.#directives.set(name, value);
    }
    return true;
  }

  #warnBlank(line: number): void {
    this.#report({
      code: 'NoEmptyContinuation',
      severity: 'warning',
      message: 'an empty line inside a continued instruction',
      range: this.#lineRange(line),
      hint: 'remove the empty line, or make it a comment',
    });
  }

  #lineRange(line: number, from?: number, to?: number): SourceRange {
    const text = trimNewline(this.#physical[line - 1] ?? '');
    const start = from ?? text.length - trimLeft(text).length + 1;
    return {
      file: this.#file,
      start: { line, column: start },
      end: { line, column: to ?? Math.max(start, text.length + 1) },
    };
  }

  #error(diagnostic: Omit<Diagnostic, 'severity'>): void {
    this.#report({ severity: 'error', ...diagnostic });
  }
}

function trimNewline(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === '\r') end--;
  return end === line.length ? line : line.slice(0, end);
}
