/**
 * Text for a terminal or a log that other people's files and names cannot drive: whatever would not be seen as itself (escape
 * sequences, bidirectional overrides, zero-width characters, bytes that are no UTF-8) is shown escaped, as Go's %q spells it.
 */
import { isPrintable } from '../util/printable.js';
import { quote } from '../util/text.js';

/** One thing on the screen, and where it comes from: `units` UTF-16 units of the text from `start` on. */
export interface Cell {
  readonly start: number;
  readonly units: number;
  readonly text: string;
  /** Columns of the terminal. */
  readonly width: number;
}

const TAB_STOP = 4;
const COMBINING = /^[\p{Mn}\p{Me}\u1160-\u11ff]$/u;
const PICTOGRAPH = /^\p{Extended_Pictographic}$/u;
const EMOJI_STYLE = '\ufe0f';
const SKIN_TONE = /^[\u{1f3fb}-\u{1f3ff}]$/u;
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * What is wide on a terminal: East Asian Wide and Fullwidth, and what is drawn as an emoji by default.
 * @see https://www.unicode.org/reports/tr11/
 */
const WIDE =
  /^(?:[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u;
const REGIONAL = /^[\u{1f1e6}-\u{1f1ff}]$/u; // half a flag: two of them take two columns

/** One line of text as cells. A tab becomes blanks up to the next multiple of four columns; `\n` is escaped as any control character. */
export function toCells(line: string): Cell[] {
  const cells: Cell[] = [];
  let start = 0;
  let column = 0;
  for (const rune of line) {
    const last = cells.at(-1);
    const cell = { start, units: rune.length, ...draw(rune, column, last) };
    start += rune.length;
    if (last && cell.width === 0) {
      cells[cells.length - 1] = join(last, cell);
      continue;
    }
    cells.push(cell);
    column += cell.width;
  }
  return cells;
}

/** How one rune is shown; `before` is the cell that a combining character would join. */
function draw(rune: string, column: number, before: Cell | undefined): { text: string; width: number } {
  if (rune === '\t') {
    const width = TAB_STOP - (column % TAB_STOP);
    return { text: ' '.repeat(width), width };
  }
  if (!isPrintable(rune.codePointAt(0)!)) return escaped(rune);
  const joins = COMBINING.test(rune) || (SKIN_TONE.test(rune) && PICTOGRAPH.test(before?.text ?? ''));
  if (joins) return before && isBase(before) ? { text: rune, width: 0 } : escaped(rune);
  return { text: rune, width: WIDE.test(rune) && !REGIONAL.test(rune) ? 2 : 1 };
}

/** Whether a mark may be put on a cell: on a tab, an escape or nothing it would land on the frame that we draw. */
function isBase(cell: Cell): boolean {
  return cell.text.length === cell.units && !cell.text.startsWith(' ');
}

function join(base: Cell, mark: Cell): Cell {
  const widened = mark.text === EMOJI_STYLE && base.width === 1 && PICTOGRAPH.test(base.text);
  return { ...base, units: base.units + mark.units, text: base.text + mark.text, width: widened ? 2 : base.width };
}

function escaped(rune: string): { text: string; width: number } {
  const text = isPrintable(rune.codePointAt(0)!) ? codePoint(rune) : quote(rune).slice(1, -1);
  return { text, width: text.length };
}

function codePoint(rune: string): string {
  return `\\u{${rune.codePointAt(0)!.toString(16)}}`;
}

/** The columns that cells take. */
export function widthOf(cells: readonly Cell[]): number {
  let width = 0;
  for (const cell of cells) width += cell.width;
  return width;
}

/** A name or message in one line that is safe to print: what is not printable is escaped, a line break too. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return toCells(text.replaceAll('\t', '\\t'))
    .map((cell) => cell.text)
    .join('');
}

/** {@link printable}, cut to at most `width` columns with an ellipsis. */
export function cutTo(text: string, width: number): string {
  if (PLAIN.test(text) && text.length <= width) return text;
  const cells = toCells(text.replaceAll('\t', '\\t'));
  if (widthOf(cells) <= width) return cells.map((cell) => cell.text).join('');
  let out = '';
  let used = 1;
  for (const cell of cells) {
    used += cell.width;
    if (used > width) break;
    out += cell.text;
  }
  return width > 0 ? `${out}…` : '';
}

/**
 * JSON in one line, for machines, that may still be read on a terminal: whatever is neither ASCII nor printable is a \u escape.
 * A byte that is no UTF-8 (a lone surrogate, util/text.ts) becomes the text `\xNN`, since strict readers refuse lone surrogates.
 */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'string' ? field.replace(LONE, hex) : field,
  ).replace(UNSAFE, (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const UNSAFE = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function hex(lone: string): string {
  return quote(lone).slice(1, -1);
}
