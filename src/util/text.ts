/**
 * Text as Go sees it: strings that may hold bytes which are not UTF-8, blanks as `unicode.IsSpace` has them, byte order.
 *
 * A byte that is not part of valid UTF-8 is carried through JavaScript strings as the lone surrogate U+DC00 + byte
 * (as Python's "surrogateescape" does), so that encoding gives back the bytes that were read.
 */
import { isUtf8 } from 'node:buffer';
import { isPrintable } from './printable.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes → string; each byte that is not part of valid UTF-8 becomes one lone surrogate (see above). */
export function decodeText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return decoder.decode(bytes);
  let out = '';
  let start = 0;
  for (let i = 0; i < bytes.length; ) {
    const width = runeWidth(bytes, i);
    if (width > 0) {
      i += width;
      continue;
    }
    out += decoder.decode(bytes.subarray(start, i)) + String.fromCharCode(0xdc00 + bytes[i]!);
    start = ++i;
  }
  return out + decoder.decode(bytes.subarray(start));
}

/** The width in bytes of the valid UTF-8 sequence at `i`, or 0 (the table of Unicode 3.9, D92). */
function runeWidth(b: Uint8Array, i: number): number {
  const c = b[i]!;
  if (c < 0x80) return 1;
  const cont = (k: number, lo = 0x80, hi = 0xbf) => i + k < b.length && b[i + k]! >= lo && b[i + k]! <= hi;
  if (c >= 0xc2 && c <= 0xdf) return cont(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    const lo = c === 0xe0 ? 0xa0 : 0x80;
    const hi = c === 0xed ? 0x9f : 0xbf;
    return cont(1, lo, hi) && cont(2) ? 3 : 0;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    const lo = c === 0xf0 ? 0x90 : 0x80;
    const hi = c === 0xf4 ? 0x8f : 0xbf;
    return cont(1, lo, hi) && cont(2) && cont(3) ? 4 : 0;
  }
  return 0;
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const SURROGATE = /[\ud800-\udfff]/; // the quick answer for most strings

/** Whether a string carries bytes that are not UTF-8. */
export function hasRawBytes(text: string): boolean {
  return SURROGATE.test(text) && LONE.test(text);
}

/** String → bytes; the inverse of {@link decodeText}. */
export function encodeText(text: string): Buffer {
  if (!hasRawBytes(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const rune of text) {
    const code = rune.codePointAt(0)!;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(rune, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** Compares two strings by their bytes (in UTF-8), the one order that reaches an output. */
export function compareBytes(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x < 0xd800 || y < 0xd800) return x - y;
    return Buffer.compare(encodeText(a), encodeText(b)); // surrogates: UTF-16 order is not byte order
  }
  return a.length - b.length;
}

/** Go's `unicode.IsSpace`: not JavaScript's \s, which counts U+FEFF and leaves U+0085 out. */
export function isSpace(ch: string): boolean {
  return SPACE.test(ch);
}

const SPACE = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;
const SPACES = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const LEADING = new RegExp(`^${SPACES}+`);

/** Go's `strings.TrimLeftFunc(s, unicode.IsSpace)`. */
export function trimLeft(text: string): string {
  return text.replace(LEADING, '');
}

/** Go's `strings.TrimSpace`. */
export function trimSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1]!)) end--;
  return trimLeft(text.slice(0, end));
}

/** Go's `strconv.Quote`, and so `%q`: a printable rune stays, anything else is escaped. */
export function quote(text: string): string {
  let out = '"';
  for (const rune of text) {
    const code = rune.codePointAt(0)!;
    if (rune === '"' || rune === '\\') out += `\\${rune}`;
    else if (SHORT_ESCAPES[rune] !== undefined) out += SHORT_ESCAPES[rune];
    else if (code >= 0xdc80 && code <= 0xdcff) out += `\\x${(code - 0xdc00).toString(16)}`;
    else if (isPrintable(code)) out += rune;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, '0')}`;
    else out += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return `${out}"`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
