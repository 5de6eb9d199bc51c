/**
 * The manual page, in roff with the man macros, made of the help texts: the build writes man/wbuild.1 with it (scripts/man-page.mjs).
 * @see man(7), groff_man(7)
 */
import { HELP_TOPICS } from './args.js';
import { helpText, REVISED } from './commands/help.js';
import { type HelpBlock, type HelpRow, parseHelp } from './help-document.js';

/** The whole page. */
export function manPage(version: string): string {
  const topics = new Map<string, string[]>();
  for (const topic of HELP_TOPICS) topics.set(helpText(topic), [...(topics.get(helpText(topic)) ?? []), topic]);
  const [[mainText], ...others] = [...topics] as [[string, string[]], ...[string, string[]][]];
  const main = parseHelp(mainText);
  const lead = main.blocks.findIndex(({ kind }) => kind === 'section');
  const examples = main.blocks.filter(({ kind }) => kind === 'examples');
  const body = main.blocks.slice(lead).filter(({ kind }) => kind !== 'examples');
  return [
    '.\\" Made of the help texts (src/cli/commands/help.ts) by the build.',
    `.TH WBUILD 1 "${REVISED}" "wbuild ${text(version)}" "User Commands"`,
    '.SH NAME',
    `wbuild \\- build OCI images of a Dockerfile subset, bit for bit as BuildKit does`,
    '.SH SYNOPSIS',
    ...usageLines(main.usage),
    '.SH DESCRIPTION',
    ...main.blocks.slice(0, lead).flatMap((block, i) => blockLines(block, i > 0)),
    ...body.flatMap((block) =>
      block.kind === 'section' ? sectionLines(block.title, block.rows) : blockLines(block, true),
    ),
    ...others.flatMap(([help, names]) => topicLines(names, help)),
    ...examples.flatMap((block) => ['.SH EXAMPLES', ...blockLines(block, false)]),
    '.SH SEE ALSO',
    '.BR docker (1),',
    '.BR wasmtime (1)',
    '',
  ].join('\n');
}

function topicLines(names: readonly string[], help: string): string[] {
  const { usage, blocks } = parseHelp(help);
  const heading = names.map((name) => `wbuild ${name}`).join(', ');
  return [
    `.SH "${heading.toUpperCase()}"`,
    ...usageLines(usage),
    ...blocks.flatMap((block) => {
      if (block.kind === 'section')
        return [...(block.title === '' ? [] : ['.PP', text(`${block.title}:`)]), ...block.rows.flatMap(rowLines)];
      return block.kind === 'examples' ? ['.PP', 'Examples:', ...blockLines(block, true)] : blockLines(block, true);
    }),
  ];
}

function usageLines(usage: readonly string[]): string[] {
  return usage.flatMap((line, i) => [...(i === 0 ? [] : ['.br']), `.B ${text(line)}`]);
}

function sectionLines(title: string, rows: readonly HelpRow[]): string[] {
  return [`.SH "${title.toUpperCase()}"`, ...rows.flatMap(rowLines)];
}

/** A row further in than options belongs to the one above it. */
function rowLines({ indent, term, text: says }: HelpRow): string[] {
  const nested = indent > 6;
  return [
    ...(nested ? ['.RS'] : []),
    '.TP',
    `.B ${text(term)}`,
    ...(says === '' ? ['\\&'] : wrapped(says)),
    ...(nested ? ['.RE'] : []),
  ];
}

function blockLines(block: HelpBlock, apart: boolean): string[] {
  if (block.kind === 'examples')
    return [...(apart ? ['.PP'] : []), '.RS 4', '.nf', ...block.lines.map(text), '.fi', '.RE'];
  if (block.kind === 'section') return block.rows.flatMap(rowLines);
  return [...(apart ? ['.PP'] : []), ...wrapped(block.text)];
}

/** Text in lines of at most 80 bytes, as mandoc wants its input; where they end is of no meaning. */
function wrapped(says: string): string[] {
  const lines: string[] = [];
  for (const word of says.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && text(`${last} ${word}`).length <= 80) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map(text);
}

/** What roff would take as its own is escaped: backslashes, hyphens that are meant as such, and dots and quotes at the beginning. */
function text(line: string): string {
  const escaped = line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replaceAll('"', '\\(dq')
    .replace(/[^\x20-\x7e]/gu, (char) => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
