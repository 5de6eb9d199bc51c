/** Refuses what is outside of the subset, in the stages that the target needs. */
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { normalizeContextName } from './context-name.js';
import { mentionedVariables } from './expand.js';
import type { CopyCommand, ForeignCommand } from './instructions.js';
import type { ResolvedStages, Stage } from './stage.js';

export interface JudgeOptions {
  /** The ARGs in front of the first FROM. */
  readonly args: readonly ForeignCommand[];
  /** Names of the named contexts, normalised. */
  readonly contexts: ReadonlySet<string>;
  readonly escape: string;
}

type ReportError = (diagnostic: Omit<Diagnostic, 'severity'>) => void;

/** Judges the stages that are needed and built, and the ARGs in front of them. */
export function judgeStages(resolved: ResolvedStages, options: JudgeOptions, error: ReportError): void {
  for (const stage of resolved.reached) {
    if (stage.replacedBy === undefined) judgeStage(stage, resolved, options, error);
  }
  judgeGlobalArgs(resolved, options, error);
}

function judgeStage(stage: Stage, resolved: ResolvedStages, options: JudgeOptions, error: ReportError): void {
  const byContext = stage.name === undefined ? 'name the stage (FROM … AS builder)' : `build it by other means`;
  const near = stage.name === undefined ? undefined : suggest(stage.name, options.contexts);
  const instead = near
    ? `did you mean --build-context ${stage.name}=DIR? There is one called ${near}`
    : `${byContext} and give its files with --build-context ${stage.name ?? 'builder'}=DIR`;
  if (stage.base.kind === 'image') {
    const names = [...new Set(stage.commands.flatMap((c) => (c.kind === 'foreign' ? [c.name] : [])))];
    const more = names.length > 0 ? `, and the stage uses ${names.join(', ')}, which wbuild does not have` : '';
    const message = `FROM ${stage.base.name}: wbuild builds FROM scratch or FROM an earlier stage, not on images${more}`;
    const hint = resolved.reached.length === 1 ? 'write FROM scratch and COPY what the image needs' : instead;
    error({ code: 'UnsupportedBase', message, range: stage.from.base.range, hint });
    return;
  }
  for (const command of stage.commands) {
    if (command.kind === 'foreign') {
      const message = `${command.name} is outside of what wbuild builds`;
      const hint = stage.name === undefined ? command.instead : `${command.instead}; or ${instead}`;
      error({ code: 'UnsupportedInstruction', message, range: command.range, hint });
    } else if (command.kind === 'copy') judgeCopy(command, stage, resolved, options, error);
  }
}

function judgeCopy(
  command: CopyCommand,
  stage: Stage,
  { stages, sources }: ResolvedStages,
  { contexts }: JudgeOptions,
  error: ReportError,
): void {
  const source = sources.get(command);
  const range = command.from?.range ?? command.range;
  if (source?.kind === 'stage' && source.stage.replacedBy === undefined && source.stage.index > stage.index) {
    const message = `COPY --from=${command.from?.value} names a stage further down`;
    error({ code: 'StageNotFound', message, range, hint: 'move that stage above this one' });
  } else if (source?.kind === 'named' && !contexts.has(normalizeContextName(source.name) ?? '')) {
    const names = stages.flatMap((s) => (s.name === undefined ? [] : [s.name]));
    const near = suggest(source.name, [...names, ...contexts], { caseInsensitive: true });
    const hint = near
      ? `did you mean ${near}?`
      : `give its files with --build-context ${source.name.split(':')[0]}=DIR or =oci-layout://DIR`;
    const message = `COPY --from=${source.name}: this is neither a stage nor a context of this build, and wbuild fetches no images`;
    error({ code: 'UnsupportedSource', message, range, hint });
  }
}

/** ARG before FROM is let through where only stages that are not built mention it. */
function judgeGlobalArgs(
  { stages, reached }: ResolvedStages,
  { args, escape }: JudgeOptions,
  error: ReportError,
): void {
  const mentioned = (list: readonly Stage[]) =>
    new Set(
      list.flatMap(({ from }) =>
        [from.base.text, from.platform?.value ?? ''].flatMap((w) => [...mentionedVariables(w, { escape })]),
      ),
    );
  const needed = mentioned(reached.filter((s) => s.replacedBy === undefined));
  const any = mentioned(stages);
  for (const { instruction, range, instead } of args) {
    const names = instruction.args.map((a) => a.text.split('=')[0]!);
    if (names.length > 0 && names.every((n) => any.has(n) && !needed.has(n) && n !== 'SOURCE_DATE_EPOCH')) continue;
    error({ code: 'UnsupportedInstruction', message: 'ARG is outside of what wbuild builds', range, hint: instead });
  }
}
