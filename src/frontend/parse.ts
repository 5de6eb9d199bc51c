/** Dockerfile text → Document: every line an instruction with flags and arguments, nothing yet judged. */
import type { Report } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { trimSpace } from '../util/text.js';
import type { Document, Instruction, Word } from './document.js';
import { parseJsonArray } from './json-form.js';
import { KEYWORDS } from './keywords.js';
import { type LogicalLine, rangeOf, readLines } from './lines.js';
import { type Span, splitCommand, splitQuotedWords, splitWords } from './words.js';

/**
 * Parses a Dockerfile.
 * @param text the file, decoded by util/text.ts
 * @param file its name for messages
 * @param report receives what readLines reports, UnknownInstruction and InvalidJSONArray
 */
export function parseDockerfile(text: string, file: string, report: Report): Document {
  const { lines, escape, check } = readLines(text, file, report);
  const instructions: Instruction[] = [];
  const unknown: Word[] = [];
  const isBinary = text.includes('\0');
  for (const line of lines) {
    const instruction = parseLine(line, { file, escape, report, unknown, isBinary });
    if (instruction) instructions.push(instruction);
  }
  return { file, text, escape, instructions, unknown, check };
}

/** A keyword for a message; nobody types a longer one. */
export function shortened(text: string): string {
  const runes = [...text];
  return runes.length > 40 ? `${runes.slice(0, 40).join('')}…` : text;
}

function parseLine(
  line: LogicalLine,
  context: { file: string; escape: string; report: Report; unknown: Word[]; isBinary: boolean },
): Instruction | undefined {
  const { file, report, unknown, isBinary } = context;
  const { keyword, flags, rest } = splitCommand(line.text, context.escape);
  const place = (span: Span): Word => ({ text: span.text, range: rangeOf(file, line, span.start, span.end) });
  const name = keyword.text.toLowerCase();
  const form = Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name] : undefined;
  if (!form) {
    unknown.push(place(keyword));
    if (isBinary && unknown.length > 1) return undefined; // said once: the other lines of a file that is no text are no better
    const near = suggest(
      keyword.text.toUpperCase(),
      Object.keys(KEYWORDS).map((k) => k.toUpperCase()),
    );
    report({
      code: 'UnknownInstruction',
      severity: 'error',
      message:
        keyword.text === ''
          ? 'a line that holds nothing but a continuation'
          : `there is no instruction ${shortened(keyword.text)}`,
      range: place(keyword).range,
      hint: near
        ? `did you mean ${near}?`
        : isBinary
          ? 'this file is no text: is it the Dockerfile?'
          : 'every line starts with an instruction, or continues the one above with a backslash',
    });
    return undefined;
  }
  const elements = form.json ? parseJsonArray(rest.text) : undefined;
  const foreign = elements?.find((e) => e.value === undefined);
  if (foreign) {
    report({
      code: 'InvalidJSONArray',
      severity: 'error',
      message: `the JSON form of ${keyword.text.toUpperCase()} holds strings and nothing else`,
      range: rangeOf(file, line, rest.start + foreign.start, rest.start + foreign.end),
      hint: 'put it in double quotes',
    });
    return undefined;
  }
  const args = elements
    ? elements.map((e) => ({ text: e.value!, start: e.start, end: e.end }))
    : form.words
      ? form.quotes
        ? splitQuotedWords(rest.text, context.escape)
        : splitWords(rest.text)
      : rest.text === ''
        ? []
        : [{ text: rest.text, start: 0, end: rest.text.length }];
  return {
    keyword: keyword.text,
    code: trimSpace(line.text),
    flags: flags.map(place),
    rest: place(rest),
    args: args.map((a) => place({ text: a.text, start: rest.start + a.start, end: rest.start + a.end })),
    json: elements !== undefined,
    heredocs: line.heredocs,
    comments: line.comments,
    range: rangeOf(file, line, keyword.start, line.text.trimEnd().length),
  };
}
