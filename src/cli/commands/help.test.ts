import { describe, expect, test } from '@jest/globals';
import { HELP_TOPICS } from '../args.js';
import { COMMAND_LINES } from '../command-table.js';
import { optionRow, parseHelp, rowsOfDocument } from '../help-document.js';
import { helpText } from './help.js';

describe('helpText', () => {
  test.each(COMMAND_LINES.map(({ words }) => words))('lists every option of %s', (words) => {
    const { table, topic } = COMMAND_LINES.find((line) => line.words === words)!;
    const own = parseHelp(helpText(topic));
    // those of a build are told once, and how to ask for help
    const elsewhere = ['check', 'llb', 'verify'].includes(words) ? parseHelp(helpText('wbuild')) : undefined;
    const lost = [...table.long.keys()].filter(
      (name) => name !== 'help' && !optionRow(own, name) && !(elsewhere && optionRow(elsewhere, name)),
    );
    expect(lost).toEqual([]);
    for (const [letter, name] of table.short) {
      const row = optionRow(own, name) ?? (elsewhere && optionRow(elsewhere, name));
      if (name !== 'help') expect(row!.term).toContain(`-${letter}, --${name}`);
    }
  });

  test('names no option that the parser lacks', () => {
    for (const topic of HELP_TOPICS) {
      const tables = COMMAND_LINES.filter((line) => line.topic === topic || helpText(line.topic) === helpText(topic));
      const known = new Set(tables.flatMap(({ table }) => [...table.long.keys()]));
      const named = rowsOfDocument(parseHelp(helpText(topic))).flatMap(({ term }) => [...term.matchAll(/--([\w-]+)/g)]);
      expect(named.map(([, name]) => name).filter((name) => !known.has(name!))).toEqual([]);
    }
  });

  test('fits a terminal of 120 columns', () => {
    const lines = HELP_TOPICS.flatMap((topic) => helpText(topic).split('\n'));
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });

  test('of the build graph', () => {
    expect(helpText('llb')).toBe(`Usage:  wbuild llb [--format FORMAT] [OPTIONS] CONTEXT

Prints the build graph of a Dockerfile on standard output: BuildKit's own LLB, which a BuildKit daemon can solve.
Nothing is built or written. CONTEXT and the options are those of a build: see wbuild --help.

      --format FORMAT           text (default), json, dot (Graphviz), mermaid, or pb: the bytes that BuildKit reads

Examples:
  wbuild llb .
  wbuild llb --format dot --target release . | dot -Tsvg > graph.svg
  wbuild llb --format pb . | buildctl debug dump-llb
`);
  });

  test.each(HELP_TOPICS)('of %s begins with its usage and ends with examples', (topic) => {
    const text = helpText(topic);
    expect(text).toMatch(/^Usage: {2}wbuild \S/);
    expect(text).toMatch(/\nExamples:\n(?: {2}\S.*\n)+$/);
    const examples = text.slice(text.indexOf('Examples:\n'));
    expect(examples).toContain(topic === 'wbuild' ? 'wbuild --platform' : `wbuild ${topic}`);
  });
});
