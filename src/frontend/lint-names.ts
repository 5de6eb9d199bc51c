/** Rules about how names and keywords are written, and about the comments that describe them. */
import type { SourceRange } from '../diagnostic/diagnostic.js';
import type { Command, FromCommand } from './instructions.js';
import { argNames, type Finding, type LintContext } from './lint-context.js';

export function stageNameCasing({ froms }: LintContext): Finding[] {
  return froms.flatMap(({ instruction }) => {
    const typed = instruction.args[2];
    if (!typed || typed.text === typed.text.toLowerCase()) return [];
    const message = `the stage name ${typed.text} has upper-case letters`;
    return [{ range: typed.range, message, hint: `write ${typed.text.toLowerCase()}`, above: instruction }];
  });
}

export function fromAsCasing({ froms }: LintContext): Finding[] {
  return froms.flatMap(({ instruction }) => {
    const { keyword, args } = instruction;
    const as = args[1];
    if (!as) return [];
    const lower = keyword === keyword.toLowerCase();
    if (!lower && keyword !== keyword.toUpperCase()) return [];
    const wanted = lower ? as.text.toLowerCase() : as.text.toUpperCase();
    if (as.text === wanted) return [];
    const message = `${keyword} and ${as.text} are written in different case`;
    return [{ range: as.range, message, hint: `write ${wanted}`, above: instruction }];
  });
}

/** The last comment right above a stage with a name, or above an ARG, begins with that name. */
export function definitionDescription({ commands }: LintContext): Finding[] {
  return commands.flatMap((command) => {
    const names = definedNames(command);
    const { instruction } = command;
    const first = instruction.comments.at(-1)?.split(' ', 1)[0];
    if (names.length === 0 || first === undefined || names.includes(first)) return [];
    const what = command.kind === 'from' ? 'the stage' : 'the argument';
    const message = `the comment above describes ${what} ${names.join(', ')}, and does not begin with its name`;
    const hint = `write # ${names[0]} and what it is for, or put an empty comment (#) between`;
    return [{ range: command.range, message, hint, above: instruction }];
  });
}

function definedNames(command: Command): readonly string[] {
  if (command.kind === 'from') return command.name === undefined ? [] : [command.name];
  return command.kind === 'foreign' && command.name === 'ARG' ? argNames(command) : [];
}

export function reservedStageName({ froms }: LintContext): Finding[] {
  return froms.flatMap((from) => {
    if (from.name !== 'scratch' && from.name !== 'context') return [];
    const message = `the stage name ${from.name} means something else elsewhere`;
    return [{ range: nameRange(from), message, hint: 'choose another name' }];
  });
}

export function duplicateStageName({ froms }: LintContext): Finding[] {
  const seen = new Set<string>();
  return froms.flatMap((from) => {
    if (from.name === undefined || !seen.has(from.name)) {
      if (from.name !== undefined) seen.add(from.name);
      return [];
    }
    const message = `an earlier stage is called ${from.name} too`;
    return [{ range: nameRange(from), message, hint: 'give each stage a name of its own' }];
  });
}

function nameRange({ instruction, range }: FromCommand): SourceRange {
  return instruction.args[2]?.range ?? range;
}

/** Most keywords decide; all upper or all lower is right. ARG in front of the first FROM does not count. */
export function instructionCasing({ commands }: LintContext): Finding[] {
  const first = commands.findIndex((c) => c.kind === 'from');
  const instructions = commands.slice(Math.max(0, first)).map((c) => c.instruction);
  const upper = instructions.filter((i) => i.keyword === i.keyword.toUpperCase()).length;
  const lower = instructions.filter((i) => i.keyword === i.keyword.toLowerCase()).length;
  return instructions.flatMap(({ keyword, range }) => {
    const wanted = lower > upper ? keyword.toLowerCase() : keyword.toUpperCase();
    if (keyword === wanted) return [];
    const message = `${keyword} is not written as most keywords here are`;
    const end = { line: range.start.line, column: range.start.column + keyword.length };
    return [{ range: { ...range, end }, message, hint: `write ${wanted}` }];
  });
}
