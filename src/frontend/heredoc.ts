/**
 * Which heredocs a logical line starts.
 * @see moby/buildkit frontend/dockerfile/parser/parser.go (heredocsFromLine, heredocFromMatch)
 */

import { EMPTY_ENV, expandWords } from './expand.js';
import { parseJsonArray } from './json-form.js';
import { splitCommand } from './words.js';

/** `<<NAME` as it stands in the line; its text is still to be read. */
export interface HeredocStart {
  readonly name: string;
  readonly expand: boolean;
  readonly stripTabs: boolean;
}

const WITH_HEREDOCS = new Set(['add', 'copy', 'run']);

/** The heredocs that follow a line; none where the instruction takes none or has the JSON form. */
export function heredocsOf(line: string, escape: string): HeredocStart[] {
  if (!line.includes('<<') || !takesHeredocs(line, escape)) return [];
  let words: string[];
  try {
    words = expandWords(line, EMPTY_ENV, { escape: '\\', rawQuotes: true, rawEscapes: true, keepUnset: true });
  } catch {
    return []; // a lone quote: BuildKit goes on without heredocs, and COPY complains of it later
  }
  return words.map(parseHeredoc).filter((h) => h !== undefined);
}

function takesHeredocs(line: string, escape: string): boolean {
  const { keyword, rest } = splitCommand(line, escape);
  const name = keyword.text.toLowerCase();
  if (name === 'onbuild') return takesHeredocs(rest.text, escape);
  return WITH_HEREDOCS.has(name) && parseJsonArray(rest.text) === undefined;
}

/** Reads one word as `[digits]<<[-]NAME`; undefined when it is none. Quotes around the name, or a part of it, stop expansion. */
export function parseHeredoc(word: string): HeredocStart | undefined {
  const match = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word);
  if (!match || match[3] === '') return undefined;
  const unquoted = expandName(match[3]!, false);
  const raw = expandName(match[3]!, true);
  if (unquoted === undefined || raw === undefined) return undefined;
  const quotes = (text: string) => text.replace(/[^'"]/g, '').length;
  return { name: unquoted, expand: quotes(unquoted) === quotes(raw), stripTabs: match[2] === '-' };
}

function expandName(rest: string, rawQuotes: boolean): string | undefined {
  try {
    const words = expandWords(rest, EMPTY_ENV, { escape: '\\', rawQuotes, keepUnset: true });
    return words.length === 1 ? words[0] : undefined;
  } catch {
    return undefined;
  }
}

/** `<<-` drops the tabs at the start of each line. */
export function stripLeadingTabs(content: string): string {
  return content.replace(/(^|\n)\t+/g, '$1'); // not /m, for which a \r starts a line too
}
