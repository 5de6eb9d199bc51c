/**
 * A second opinion on what a Dockerfile says: dockerfile-ast, which editors use, reads the same text. It decides nothing. Where the two readers see
 * other instructions, or see them on other lines, the file is ambiguous to people too, and gets a warning.
 *
 * Loaded when it is asked for: by `wbuild check`, and by a build that found errors. A plain build never loads it.
 */

import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { Document } from './document.js';
import { rangeOf, readLines } from './lines.js';
import { shortened } from './parse.js';
import { splitCommand } from './words.js';

/** Its time grows with the square of a line's length, so that longer lines are not given to it. */
const MAX_LINE = 16_384;

/** An instruction as a reader sees it. */
interface Seen {
  readonly line: number;
  readonly keyword: string;
}

/**
 * Where the two readers differ first; nothing for a file that they read alike, or that is too large for the second one.
 * @param document what our own reader made of the file
 */
export async function secondOpinion(document: Document): Promise<Diagnostic[]> {
  if (document.text.length > 64 * MAX_LINE || document.text.split('\n').some((line) => line.length > MAX_LINE))
    return [];
  if (document.text.includes('\0')) return []; // no text: what is wrong with it is clear enough
  const theirs = await readAgain(document.text);
  const ours = readFirst(document);
  const at = ours.findIndex((own, i) => theirs[i]?.line !== own.line || theirs[i].keyword !== own.keyword);
  if (at < 0 && theirs.length <= ours.length) return [];
  const own = at < 0 ? undefined : ours[at];
  const other = theirs[at < 0 ? ours.length : at];
  const line = Math.min(own?.line ?? Number.POSITIVE_INFINITY, other?.line ?? Number.POSITIVE_INFINITY);
  const text = document.text.split('\n')[line - 1] ?? '';
  const range = { file: document.file, start: { line, column: 1 }, end: { line, column: text.length + 1 } };
  const see = (who: Seen | undefined) =>
    who ? `${shortened(who.keyword)} on line ${who.line}` : 'no further instruction';
  return [
    {
      code: 'AmbiguousDockerfile',
      severity: 'warning',
      message: `this can be read in two ways: BuildKit and wbuild see ${see(own)}, other tools see ${see(other)}`,
      range,
      hint: 'look at how the line before it ends: a doubled escape character ends an instruction, a single one continues it; or at the quotes of a heredoc',
    },
  ];
}

/** Every line, those with an unknown keyword or a broken argument too: what is wrong with them is no matter of reading. */
function readFirst({ text, file }: Document): Seen[] {
  const { lines, escape } = readLines(text, file, () => undefined);
  return lines.flatMap((line) => {
    const { keyword } = splitCommand(line.text, escape);
    if (keyword.text === '') return [];
    const { start } = rangeOf(file, line, keyword.start, keyword.end);
    return [{ line: start.line, keyword: keyword.text.toUpperCase() }];
  });
}

async function readAgain(text: string): Promise<Seen[]> {
  const module = await import('dockerfile-ast');
  const { DockerfileParser } = module.default ?? module;
  const parsed = DockerfileParser.parse(text.replace(/^\ufeff/, ''));
  return parsed.getInstructions().map((instruction) => ({
    line: instruction.getRange().start.line + 1,
    keyword: instruction.getInstruction().toUpperCase(),
  }));
}
