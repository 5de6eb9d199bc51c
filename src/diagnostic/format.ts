/** Diagnostics for people (a code frame, as rustc and esbuild draw it) and for machines (JSON). */
import type { Diagnostic, SourceRange } from './diagnostic.js';
import { type Cell, jsonLine, printable, toCells, widthOf } from './display.js';

export interface FormatOptions {
  readonly color: boolean;
  /** The text of `diagnostic.range.file`, or its lines, which saves splitting it for each diagnostic; without it the place is named, but no line is shown. */
  readonly text?: string | readonly string[];
  /** Columns for the text of a line, 100 if not given; a longer line is shown around the range. */
  readonly width?: number;
}

/** At most this many lines of a range are shown, the first ones and the last. */
const MAX_LINES = 5;
/** Columns that are shown left of the range when a long line is cut, if the width has room for them. */
const LEAD = 24;

/**
 * A diagnostic as a code frame, without a line break at the end:
 *
 *     error[CopyIgnoredFile]: message
 *      --> Dockerfile:3:6
 *       |
 *     3 | COPY ./bin/Debug/x.wasm /x
 *       |      ^^^^^^^^^^^^^^^^^^
 *       = help: hint
 *
 * Lines and columns count from 1, columns in UTF-16 units as everywhere in a {@link SourceRange}.
 */
export function formatDiagnostic(diagnostic: Diagnostic, options: FormatOptions): string {
  const { severity, code, message, range, hint } = diagnostic;
  const paint = painter(options.color);
  const hue = severity === 'error' ? 'red' : 'yellow';
  const lines = range && options.text !== undefined ? linesOf(options.text, range) : [];
  const pad = ' '.repeat(String(lines.at(-1)?.number ?? 1).length);
  const bar = `${pad} ${paint('blue', '|')}`;

  const head = paint(hue, `${severity}[${code}]`) + paint('bold', ': ');
  const out = [head + paragraph(message, '  ', (part) => paint('bold', part))];
  if (range) out.push(`${pad}${paint('blue', '-->')} ${place(range)}`);
  if (lines.length > 0) out.push(bar);
  let before: number | undefined;
  for (const line of lines) {
    if (before !== undefined && line.number > before + 1) out.push(paint('blue', '...'));
    before = line.number;
    const { shown, lead, marks } = windowOf(line, options.width ?? 100);
    const number = paint('blue', `${String(line.number).padStart(pad.length)} |`);
    out.push(shown === '' ? number : `${number} ${shown}`);
    if (marks > 0) out.push(`${bar} ${' '.repeat(lead)}${paint(hue, '^'.repeat(marks))}`);
  }
  if (hint) out.push(`${pad} ${paint('blue', '=')} ${paint('bold', 'help')}: ${paragraph(hint, `${pad}         `)}`);
  return out.join('\n');
}

/** `FILE:LINE:COLUMN`, which terminals and editors make a link of. */
function place(range: SourceRange): string {
  const { file, start, instructionLine } = range;
  const within = instructionLine !== undefined && instructionLine !== start.line;
  const place = `${printable(file)}:${start.line}:${start.column}`;
  return within ? `${place}, in the instruction at ${printable(file)}:${instructionLine}` : place;
}

/** Further lines are indented, so that no message can pass for a diagnostic of its own. */
function paragraph(text: string, indent: string, paint = (part: string) => part): string {
  return text
    .split('\n')
    .map((part, i) => (i === 0 ? '' : indent) + paint(printable(part)))
    .join('\n');
}

interface Line {
  readonly number: number;
  readonly text: string;
  /** The part in the range, in UTF-16 units from 0; `to` is exclusive, and at least `from`. */
  readonly from: number;
  readonly to: number;
  /** false: a blank line within a longer range. */
  readonly marked: boolean;
}

/** The lines of a range that are shown. A range that ends at the start of a line ends with the line before. */
function linesOf(text: string | readonly string[], { start, end }: SourceRange): Line[] {
  const all = typeof text === 'string' ? text.split('\n', Math.max(start.line, end.line)) : text;
  if (start.line > all.length) return [];
  const stop = end.line > start.line && end.column <= 1 ? end.line - 1 : end.line;
  const last = Math.max(start.line, Math.min(stop, all.length));
  const lines: Line[] = [];
  for (let number = start.line; number <= last; number++) {
    if (number > start.line + MAX_LINES - 3 && number < last - 1 && last - start.line >= MAX_LINES) continue;
    const whole = all[number - 1]!.replace(/\r$/, '');
    const line = number === 1 ? whole.replace(/^\ufeff/, '') : whole; // BuildKit drops the mark, so columns do not count it
    const indent = line.length - line.trimStart().length;
    const from = number === start.line ? Math.min(start.column - 1, line.length) : indent;
    const to = number === end.line ? Math.min(end.column - 1, line.length) : line.trimEnd().length;
    lines.push({ number, text: line, from, to: Math.max(from, to), marked: number === start.line || from < to });
  }
  return lines;
}

/** What of a line is printed, where the underline begins and how long it is; an empty range is one mark. */
function windowOf(line: Line, width: number): { shown: string; lead: number; marks: number } {
  const piece = excerpt(line, width);
  const cells = toCells(piece.text);
  const whole = !piece.cut && widthOf(cells) <= width;
  const first = whole ? 0 : firstCell(cells, piece.from, width);
  const fits = whole ? cells.slice() : takeWidth(cells.slice(first), width);

  const from = fits.findIndex((cell) => cell.start + cell.units > piece.from);
  const before = from < 0 ? fits : fits.slice(0, from);
  const marked = fits.slice(before.length).filter((cell) => cell.start < piece.to);
  const cutLeft = first > 0 || piece.offset > 0;
  const cutRight = !whole && (first + fits.length < cells.length || piece.more);
  const text = fits.map((cell) => cell.text).join('');
  return {
    shown: `${cutLeft ? '…' : ''}${text}${cutRight ? '…' : ''}`.trimEnd(),
    lead: widthOf(before) + (cutLeft ? 1 : 0),
    marks: line.marked ? Math.max(1, widthOf(marked)) : 0,
  };
}

/** Some of a very long line, around its range: a line may have megabytes, and all of it would be laid out for nothing. */
function excerpt(line: Line, width: number) {
  const reach = 4 * width;
  if (line.text.length <= 2 * reach) return { ...line, offset: 0, cut: false, more: false };
  const offset = runeStart(line.text, Math.max(0, line.from - reach));
  const end = runeStart(line.text, Math.min(line.text.length, line.from + reach));
  return {
    text: line.text.slice(offset, end),
    from: line.from - offset,
    to: Math.min(line.to, end) - offset,
    offset,
    cut: true,
    more: end < line.text.length,
  };
}

/** An index that does not part a surrogate pair: half of one would look like a byte that is no UTF-8. */
function runeStart(text: string, index: number): number {
  const isPair = /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(index - 1, index + 1));
  return isPair ? index - 1 : index;
}

/** The cell that a cut line begins with: a little left of the range, or further left where the line ends soon after it. */
function firstCell(cells: readonly Cell[], from: number, width: number): number {
  const at = cells.findIndex((cell) => cell.start + cell.units > from);
  let first = at < 0 ? cells.length : at;
  const most = Math.min(LEAD, Math.floor(width / 3));
  for (let lead = 0; first > 0 && lead + cells[first - 1]!.width <= most; ) lead += cells[--first]!.width;
  let rest = widthOf(cells.slice(first));
  while (first > 0 && rest + cells[first - 1]!.width <= width) rest += cells[--first]!.width;
  return first;
}

function takeWidth(cells: readonly Cell[], width: number): Cell[] {
  let used = 0;
  let end = 0;
  while (end < cells.length && used + cells[end]!.width <= width) used += cells[end++]!.width;
  return cells.slice(0, end);
}

const SGR = { red: '1;31', yellow: '1;33', blue: '1;34', bold: '1' } as const;

function painter(color: boolean): (hue: keyof typeof SGR, text: string) => string {
  return (hue, text) => (color && text !== '' ? `\x1b[${SGR[hue]}m${text}\x1b[0m` : text);
}

/**
 * Diagnostics as one line of JSON, in the order given. The shape is stable: every key is always there, null where there is nothing;
 * keys may be added, never renamed.
 *
 *     {"diagnostics":[{"code":"SourceNotFound","severity":"error","message":"…","hint":null,
 *       "file":"Dockerfile","start":{"line":3,"column":6},"end":{"line":3,"column":12}}]}
 *
 * Lines and columns count from 1, a column counts UTF-16 units (as the Language Server Protocol does), `end` is exclusive.
 */
export function formatDiagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  const list = diagnostics.map(({ code, severity, message, hint, range }) => ({
    code,
    severity,
    message,
    hint: hint ?? null,
    file: range?.file ?? null,
    start: range ? { line: range.start.line, column: range.start.column } : null,
    end: range ? { line: range.end.line, column: range.end.column } : null,
  }));
  return jsonLine({ diagnostics: list });
}
