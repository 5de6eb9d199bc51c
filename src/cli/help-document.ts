/** A help text (commands/help.ts) taken apart: what the man page and the shell completions are made of. */

/** A term with what is said of it; terms below others are further in. */
export interface HelpRow {
  readonly indent: number;
  readonly term: string;
  readonly text: string;
}

export interface HelpSection {
  /** Empty for rows without a heading. */
  readonly title: string;
  readonly rows: readonly HelpRow[];
}

export type HelpBlock =
  | { readonly kind: 'paragraph'; readonly text: string }
  | ({ readonly kind: 'section' } & HelpSection)
  | { readonly kind: 'examples'; readonly lines: readonly string[] };

export interface HelpDocument {
  readonly usage: readonly string[];
  readonly blocks: readonly HelpBlock[];
}

/** Where the second column begins; a line that begins there goes on with the text above it. */
const SECOND_COLUMN = 32;

/** Reads a help text. */
export function parseHelp(text: string): HelpDocument {
  const [usage = '', ...parts] = text.trimEnd().split('\n\n');
  return {
    usage: usage.split('\n').map((line) => line.replace(/^Usage:/, '').trim()),
    blocks: parts.flatMap((part) => blocksOf(part.split('\n'))),
  };
}

function blocksOf(lines: readonly string[]): HelpBlock[] {
  if (lines[0] === 'Examples:') return [{ kind: 'examples', lines: lines.slice(1).map((line) => line.trim()) }];
  const first = lines.findIndex((line) => line.startsWith(' '));
  if (first < 0) return paragraphs(lines);
  const title = first === 0 ? '' : lines[0]!.replace(/:$/, '');
  return [{ kind: 'section', title, rows: rowsOf(lines.slice(first)) }];
}

/** Exit codes are a paragraph of their own, wherever they stand. */
function paragraphs(lines: readonly string[]): HelpBlock[] {
  const codes = lines.findIndex((line) => line.startsWith('Exit codes: '));
  const groups = codes > 0 ? [lines.slice(0, codes), lines.slice(codes)] : [lines];
  return groups.map((group) => ({ kind: 'paragraph', text: group.join(' ') }));
}

function rowsOf(lines: readonly string[]): HelpRow[] {
  const rows: { indent: number; term: string; text: string }[] = [];
  for (const line of lines) {
    const indent = line.length - line.trimStart().length;
    const last = rows.at(-1);
    if (indent >= SECOND_COLUMN && last) {
      last.text = `${last.text} ${line.trim()}`.trim();
      continue;
    }
    const [, term = '', text = ''] = /^(.*?\S)(?: {2,}(\S.*))?$/.exec(line.trim()) ?? [];
    rows.push({ indent, term, text });
  }
  return rows;
}

/** All rows of a document. */
export function rowsOfDocument({ blocks }: HelpDocument): readonly HelpRow[] {
  return blocks.flatMap((block) => (block.kind === 'section' ? block.rows : []));
}

/** The row of an option, by its long name. */
export function optionRow(document: HelpDocument, option: string): HelpRow | undefined {
  return rowsOfDocument(document).find(({ term }) => new RegExp(`(?:^|, )--${option}(?![\\w-])`).test(term));
}

/** What a command does, in a line: its row, or else the first sentence. */
export function summaryOf(document: HelpDocument, word: string): string {
  const row = rowsOfDocument(document).find(({ term }) => term === word);
  if (row) return row.text.replace(/;.*/, '');
  const first = document.blocks.find((block) => block.kind === 'paragraph');
  const text = first?.kind === 'paragraph' ? first.text : '';
  const [sentence = ''] = /^.*?(?=[:;.] |[:.]$|$)/.exec(text) ?? [];
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
