/** What the rules of the linter look at, and what they have in common. */
import type { DiagnosticCode } from '../diagnostic/codes.js';
import type { SourceRange } from '../diagnostic/diagnostic.js';
import type { Platform } from '../oci/descriptor.js';
import type { Document, Instruction, Word } from './document.js';
import { fromEnv } from './env.js';
import { type Env, ExpansionError, expandWord } from './expand.js';
import type { Command, ForeignCommand, FromCommand } from './instructions.js';
import type { ResolvedStages, Stage } from './stage.js';
import type { NamedContextInfo } from './to-llb.js';

/** A file that is linted. */
export interface LintInput {
  readonly document: Document;
  readonly commands: readonly Command[];
  /** Undefined when the stages have errors. */
  readonly resolved: ResolvedStages | undefined;
  /** Whether stages that the target does not need are judged too, as `docker buildx build --check` does without a target. */
  readonly allStages: boolean;
  readonly target: string | undefined;
  /** As given, aliases resolved. */
  readonly platform: Platform;
  /** Patterns of the ignore file of the main context. */
  readonly excludes: readonly string[];
  /** The named contexts, by normalised name. */
  readonly named: ReadonlyMap<string, NamedContextInfo>;
}

/** A rule: what it is called, where it is explained, and how it finds what it warns of. */
export interface Rule {
  readonly code: DiagnosticCode;
  /** Where BuildKit explains it; a rule without is our own, and never fails a build that BuildKit makes. */
  readonly url?: string;
  /** Silent unless `# check=experimental=` names it. */
  readonly experimental?: true;
  readonly check: (context: LintContext) => readonly Finding[];
}

/** What a rule warns of. */
export interface Finding {
  readonly range: SourceRange;
  readonly message: string;
  readonly hint: string;
  /** The instruction whose comment may skip the rule; a rule without looks at the directive of the file alone. */
  readonly above?: Instruction;
}

/** A file, and what its rules ask for again and again. */
export interface LintContext extends LintInput {
  readonly froms: readonly FromCommand[];
  /** The variables that FROM knows; undefined when a default of a global ARG is malformed. */
  readonly env: Env | undefined;
  /** The stages whose instructions are judged. */
  readonly stages: readonly Stage[];
}

/** What the rules are given of a file. */
export function contextOf(input: LintInput): LintContext {
  const froms = input.commands.filter((c) => c.kind === 'from');
  return { ...input, froms, env: globalEnv(input, froms), stages: judgedStages(input) };
}

function judgedStages({ resolved, allStages, commands }: LintInput): readonly Stage[] {
  const stages = resolved ? (allStages ? resolved.stages : resolved.reached) : guessStages(commands);
  // with all of them, BuildKit also reads those that a context stands in for
  return allStages ? stages : stages.filter((s) => s.replacedBy === undefined);
}

/** The stages of a file with errors, as far as its lines tell: a warning need not wait until they are mended. */
function guessStages(commands: readonly Command[]): readonly Stage[] {
  const stages: Stage[] = [];
  const byName = new Map<string, Stage>();
  let list: Exclude<Command, FromCommand>[] = [];
  for (const command of commands) {
    if (command.kind !== 'from') {
      list.push(command);
      continue;
    }
    list = [];
    const name = command.base.text;
    const earlier = byName.get(name);
    const base: Stage['base'] = earlier
      ? { kind: 'stage', stage: earlier }
      : name === 'scratch'
        ? { kind: 'scratch' }
        : { kind: 'image', name };
    const stage = {
      index: stages.length,
      name: command.name,
      base,
      replacedBy: undefined,
      from: command,
      commands: list,
    };
    stages.push(stage);
    if (command.name !== undefined) byName.set(command.name, stage);
  }
  return stages;
}

/** What FROM knows: the variables of the platform, and the defaults of ARG in front of it. */
function globalEnv({ document, commands, platform, target }: LintInput, froms: readonly FromCommand[]) {
  const env = new Map(fromEnv(platform, target ?? froms.at(-1)?.name ?? ''));
  for (const { text } of globalArgs(commands)) {
    const at = text.indexOf('=');
    if (at < 0) continue;
    const value = tryExpand(text.slice(at + 1), env, document);
    if (value === undefined) return undefined;
    env.set(text.slice(0, at), value);
  }
  return env;
}

/** The arguments of the ARGs in front of the first FROM. */
export function globalArgs(commands: readonly Command[]): readonly Word[] {
  const first = commands.findIndex((c) => c.kind === 'from');
  const before = first < 0 ? commands : commands.slice(0, first);
  return before.flatMap((c) => (c.kind === 'foreign' && c.name === 'ARG' ? c.instruction.args : []));
}

/** The names that an ARG declares. */
export function argNames({ instruction }: ForeignCommand): string[] {
  return instruction.args.map((a) => a.text.split('=', 1)[0]!);
}

/** A word with its variables; undefined where it is malformed, of which an error tells. */
export function tryExpand(text: string, env: Env, { escape }: Document): string | undefined {
  try {
    return expandWord(text, env, { escape });
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

/** A stage and those that it is built on and that are not known yet, the lowest first. */
export function basesFirst(stage: Stage, known: ReadonlyMap<Stage, unknown>): Stage[] {
  const chain: Stage[] = [];
  for (let at: Stage | undefined = stage; at && !known.has(at); at = builtOn(at)) chain.push(at);
  return chain.reverse();
}

/** The stage that another one is built on; none for one that a context stands in for. */
export function builtOn({ base, replacedBy }: Stage): Stage | undefined {
  return base.kind === 'stage' && replacedBy === undefined ? base.stage : undefined;
}
