/**
 * A logical line → keyword, flags and the rest; and text cut at blanks.
 * @see moby/buildkit frontend/dockerfile/parser/split_command.go
 */
import { decodeText, encodeText, isSpace, trimSpace } from '../util/text.js';

/** A stretch of a text: `text` is what it means, [start, end) where it stands (UTF-16 offsets). */
export interface Span {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Go's `[\t\v\f\r ]+`: what separates words. Unicode's other blanks do not. */
const SEPARATORS = /[\t\v\f\r ]+/g;

export interface SplitCommand {
  readonly keyword: Span;
  readonly flags: readonly Span[];
  /** What follows the flags, blanks cut at both ends. */
  readonly rest: Span;
}

/** Cuts `COPY --chown=1 a b` into keyword, flags and rest. */
export function splitCommand(line: string, escape: string): SplitCommand {
  const trimmed = trimSpace(line);
  const lead = line.indexOf(trimmed);
  const gap = /[\t\v\f\r ]+/.exec(trimmed);
  const keyword = trimmed.slice(0, gap?.index ?? trimmed.length);
  const span = { text: keyword, start: lead, end: lead + keyword.length };
  if (!gap) return { keyword: span, flags: [], rest: { text: '', start: span.end, end: span.end } };
  const base = lead + gap.index + gap[0].length;
  const tail = line.slice(base, lead + trimmed.length);
  const { flags, restAt } = splitFlags(tail, escape);
  const rest = trimSpace(tail.slice(restAt));
  const at = base + (rest === '' ? tail.length : tail.indexOf(rest, restAt));
  return {
    keyword: span,
    flags: flags.map((f) => ({ text: f.text, start: base + f.start, end: base + f.end })),
    rest: { text: rest, start: at, end: at + rest.length },
  };
}

/** The words that blanks separate. */
export function splitWords(text: string): Span[] {
  const words: Span[] = [];
  let start = 0;
  for (const gap of text.matchAll(SEPARATORS)) {
    words.push({ text: text.slice(start, gap.index), start, end: gap.index });
    start = gap.index + gap[0].length;
  }
  if (text !== '') words.push({ text: text.slice(start), start, end: text.length });
  return words;
}

/**
 * The words of ARG, ENV and LABEL: blanks in quotes do not separate, and quotes and escapes stay.
 * @see moby/buildkit frontend/dockerfile/parser/line_parsers.go (parseWords)
 */
export function splitQuotedWords(text: string, escape: string): Span[] {
  const words: Span[] = [];
  let at = 0;
  while (at < text.length) {
    if (isSpace(text[at]!)) {
      at++;
      continue;
    }
    const start = at;
    let quote = '';
    let cut = 0;
    for (; at < text.length && (quote !== '' || !isSpace(text[at]!)); at++) {
      const ch = text[at]!;
      if (ch === quote) quote = '';
      else if (quote === '' && (ch === "'" || ch === '"')) quote = ch;
      else if (ch === escape && quote !== "'") {
        if (at + 1 === text.length) cut = 1;
        else at++;
      }
    }
    const word = text.slice(start, at - cut);
    if (word !== '') words.push({ text: word, start, end: at });
  }
  return words;
}

/**
 * The flags in front. Quotes and escapes inside a flag are removed; a word that begins with a quote is no flag; `--` ends them.
 * BuildKit takes the line byte by byte here, each byte a character of its own: beyond ASCII a flag comes out garbled, and
 * the bytes 85 and A0 separate. So do we, on a string with one character a byte.
 */
function splitFlags(tail: string, escape: string): { flags: Span[]; restAt: number } {
  const ascii = /^[\0-\x7f]*$/.test(tail);
  const bytes = ascii ? undefined : encodeText(tail);
  const line = bytes ? bytes.toString('latin1') : tail;
  let [known, units] = [0, 0]; // an offset asked for before, in bytes and in UTF-16 units: they are asked for in order
  const offset = (at: number) => {
    if (!bytes) return at;
    const found = units + decodeText(bytes.subarray(known, at)).length;
    const partsCharacter = ((bytes[at] ?? 0) & 0xc0) === 0x80;
    if (!partsCharacter) [known, units] = [at, found];
    return found;
  };
  const flags: Span[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++;
    if (!line.startsWith('--', at)) return { flags, restAt: offset(at) };
    const { word, end, quoted } = readFlag(line, at, escape);
    if (word === '--' && !quoted) return { flags, restAt: offset(end) };
    if (word !== '' || quoted) flags.push({ text: word, start: offset(at), end: offset(end) });
    at = end;
  }
}

function readFlag(line: string, start: number, escape: string): { word: string; end: number; quoted: boolean } {
  let word = '';
  let quote = '';
  let quoted = false;
  let at = start;
  for (; at < line.length; at++) {
    let ch = line[at]!;
    if (quote === '' && isSpace(ch)) break;
    if (quote === '' && (ch === "'" || ch === '"')) {
      quote = ch;
      quoted = true;
      continue;
    }
    if (ch === quote) {
      quote = '';
      continue;
    }
    if (ch === escape) {
      if (at + 1 === line.length) continue;
      ch = line[++at]!;
    }
    word += ch;
  }
  return { word, end: at, quoted };
}
