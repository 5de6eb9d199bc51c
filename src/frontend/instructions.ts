/**
 * Instruction → Command: arguments and flags of each kind, typed and checked.
 * @see moby/buildkit frontend/dockerfile/instructions/parse.go
 */
import type { Diagnostic, Report, SourceRange } from '../diagnostic/diagnostic.js';
import fromGrammar from '../generated/from.ohm-bundle.js';
import type { Instruction, Word } from './document.js';
import { type FlagValue, parseFlags } from './flags.js';
import { foreignProblem } from './foreign.js';
import { parseHeredoc, stripLeadingTabs } from './heredoc.js';
import { KEYWORDS } from './keywords.js';

export type Command = FromCommand | CopyCommand | EntrypointCommand | ForeignCommand;

interface CommandBase {
  readonly instruction: Instruction;
  readonly range: SourceRange;
}

export interface FromCommand extends CommandBase {
  readonly kind: 'from';
  /** As typed, variables not expanded. */
  readonly base: Word;
  /** In lower case. */
  readonly name?: string;
  readonly platform?: FlagValue<string>;
}

export interface CopyCommand extends CommandBase {
  readonly kind: 'copy';
  readonly sources: readonly Word[];
  readonly heredocs: readonly InlineFile[];
  readonly dest: Word;
  readonly from?: FlagValue<string>;
  readonly chown?: FlagValue<string>;
  readonly chmod?: FlagValue<string>;
  readonly excludes: readonly string[];
  readonly link: boolean;
  readonly parents: boolean;
}

/** A heredoc used as a file: its name is the name of the file. */
export interface InlineFile {
  readonly name: string;
  readonly content: string;
  readonly expand: boolean;
  readonly range: SourceRange;
}

export interface EntrypointCommand extends CommandBase {
  readonly kind: 'entrypoint';
  /** The JSON form: its elements. The shell form: one text that /bin/sh runs. */
  readonly args: readonly string[];
  readonly shell: boolean;
}

/** An instruction outside the subset, which is an error only in a stage that the build needs. */
export interface ForeignCommand extends CommandBase {
  readonly kind: 'foreign';
  /** In upper case. */
  readonly name: string;
  readonly instead: string;
}

/** Types one instruction; undefined when something was reported. */
export function parseInstruction(instruction: Instruction, report: Report): Command | undefined {
  switch (instruction.keyword.toLowerCase()) {
    case 'from':
      return parseFrom(instruction, report);
    case 'copy':
      return parseCopy(instruction, report);
    case 'entrypoint':
      return parseEntrypoint(instruction, report);
    default:
      return parseForeign(instruction, report);
  }
}

/** What nobody writes, and what would cost the grammar a kilobyte of memory for each byte of a file. */
const MOST_WORDS = 3;
const LONGEST = 4096;
const LONG_WORD = 'long';

function parseFrom(instruction: Instruction, report: Report): FromCommand | undefined {
  const { args, range } = instruction;
  const text = args.map((a) => (a.text.length > LONGEST ? LONG_WORD : a.text)).join(' ');
  if (args.length > MOST_WORDS || fromGrammar.match(text, 'arguments').failed()) {
    return invalidArguments(instruction, report, {
      message: `FROM takes a base, and maybe AS and a name; here are ${args.length} words`,
      hint: 'write FROM scratch, or FROM scratch AS name; a comment stands on a line of its own',
    });
  }
  const name = args[2]?.text.toLowerCase();
  const isName = (typed: string) => typed.length <= LONGEST && !fromGrammar.match(typed, 'stageName').failed();
  if (name !== undefined && !isName(name)) {
    report({
      code: 'InvalidStageName',
      severity: 'error',
      message: `${JSON.stringify(args[2]!.text)} cannot name a stage`,
      range: args[2]!.range,
      hint: 'a name starts with a letter and goes on with letters, digits, ".", "-" and "_"',
    });
    return undefined;
  }
  const flags = parseFlags(instruction, { platform: 'string' }, report);
  if (!flags) return undefined;
  return {
    kind: 'from',
    instruction,
    range,
    base: args[0]!,
    ...(name !== undefined && { name }),
    ...(flags.platform && { platform: flags.platform }),
  };
}

const COPY_FLAGS = {
  chown: 'string',
  from: 'string',
  chmod: 'string',
  link: 'boolean',
  exclude: 'strings',
  parents: 'boolean',
} as const;

function parseCopy(instruction: Instruction, report: Report): CopyCommand | undefined {
  const { args, range } = instruction;
  if (args.length < 2) {
    return invalidArguments(instruction, report, {
      message: `COPY takes at least one source and a destination; here ${args.length === 0 ? 'is neither' : 'is one argument'}`,
      hint: 'write COPY source /destination; a name that begins with -- needs a lone -- before it',
    });
  }
  const flags = parseFlags(instruction, COPY_FLAGS, report);
  if (!flags) return undefined;
  const dest = args.at(-1)!;
  if (parseHeredoc(dest.text)) {
    const hint = 'write the path of the file behind it: COPY <<EOF /path';
    report({
      code: 'InvalidHeredoc',
      severity: 'error',
      message: 'a heredoc cannot be the destination',
      range: dest.range,
      hint,
    });
    return undefined;
  }
  const bodies = new Map(instruction.heredocs.map((h) => [h.name, h])); // of two with one name, the last
  const sources: Word[] = [];
  const heredocs: InlineFile[] = [];
  for (const source of args.slice(0, -1)) {
    const heredoc = parseHeredoc(source.text);
    if (!heredoc) sources.push(source);
    else {
      const body = bodies.get(heredoc.name)?.content ?? '';
      const content = heredoc.stripTabs ? stripLeadingTabs(body) : body;
      heredocs.push({ name: heredoc.name, content, expand: heredoc.expand, range: source.range });
    }
  }
  return {
    kind: 'copy',
    instruction,
    range,
    sources,
    heredocs,
    dest,
    ...(flags.from?.value && { from: flags.from }),
    ...(flags.chown && { chown: flags.chown }),
    ...(flags.chmod && { chmod: flags.chmod }),
    excludes: flags.exclude?.value ?? [],
    link: flags.link?.value ?? false,
    parents: flags.parents?.value ?? false,
  };
}

function parseEntrypoint(instruction: Instruction, report: Report): EntrypointCommand | undefined {
  const flags = parseFlags(instruction, {}, report);
  if (!flags) return undefined;
  const { json, range } = instruction;
  return { kind: 'entrypoint', instruction, range, args: instruction.args.map((a) => a.text), shell: !json };
}

/** What BuildKit refuses even in a stage that is not built: flags it does not know, arguments that are missing or malformed. */
function parseForeign(instruction: Instruction, report: Report): ForeignCommand | undefined {
  const keyword = KEYWORDS[instruction.keyword.toLowerCase()]!;
  const name = instruction.keyword.toUpperCase();
  const bare = name === 'HEALTHCHECK' && /^none\b/i.test(instruction.rest.text); // whose flags BuildKit does not look at
  const flags = keyword.flags && !bare ? parseFlags(instruction, keyword.flags, report) : {};
  if (!flags) return undefined;
  const message = foreignProblem(name, instruction, flags);
  if (message)
    return invalidArguments(instruction, report, {
      message,
      hint: 'this is an error even in a stage that is not built',
    });
  return { kind: 'foreign', instruction, range: instruction.range, name, instead: keyword.instead! };
}

function invalidArguments(
  instruction: Instruction,
  report: Report,
  text: Pick<Diagnostic, 'message' | 'hint'>,
): undefined {
  report({ code: 'InvalidArguments', severity: 'error', range: instruction.range, ...text });
}
