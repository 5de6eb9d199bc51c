/**
 * Commands → stages: what each is built on, what it copies from, and which of them the target needs.
 * @see moby/buildkit frontend/dockerfile/dockerfile2llb/convert.go (buildDispatchStates, resolveTarget, buildStageDependencyGraph)
 */

import type { Diagnostic, Report, SourceRange } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import type { Platform } from '../oci/descriptor.js';
import { parsePlatform, platformHint } from '../oci/platform.js';
import { isReference, normalizeContextName } from './context-name.js';
import type { Document } from './document.js';
import { fromEnv } from './env.js';
import { ExpansionError, expandWord } from './expand.js';
import { expansionProblem } from './expansion-problem.js';
import type { Command, CopyCommand, ForeignCommand, FromCommand } from './instructions.js';
import type { Base, CopySource, ResolvedStages, Stage } from './stage.js';
import { findCycle, findReached } from './stage-graph.js';
import { judgeStages } from './stage-judge.js';

export interface ResolveOptions {
  readonly target: string | undefined;
  readonly platform: Platform;
  /** Names of the named contexts, as buildx normalises them (`normalizeContextName`). */
  readonly contexts: ReadonlySet<string>;
}

/**
 * Resolves the stages of a file.
 * Reports what BuildKit refuses wherever it stands (names, indexes, circles, platforms); what is outside the subset only
 * in stages that the target needs. Undefined when it cannot be told which stages there are and which are needed.
 */
export function resolveStages(
  document: Document,
  commands: readonly Command[],
  options: ResolveOptions,
  report: Report,
): ResolvedStages | undefined {
  let failed = false;
  const error = (diagnostic: Omit<Diagnostic, 'severity'>) => {
    failed = true;
    report({ severity: 'error', ...diagnostic });
  };
  const { groups, args } = groupByStage(commands, error);
  if (groups.length === 0) {
    if (!failed) error({ code: 'NoStage', message: 'the Dockerfile has no FROM', hint: 'start it with FROM scratch' });
    return undefined;
  }
  return new StageResolver(document, groups, args, options, error).resolve();
}

interface Group {
  readonly from: FromCommand;
  readonly commands: Exclude<Command, FromCommand>[];
}

function groupByStage(
  commands: readonly Command[],
  error: (d: Omit<Diagnostic, 'severity'>) => void,
): { groups: Group[]; args: ForeignCommand[] } {
  const groups: Group[] = [];
  const args: ForeignCommand[] = [];
  for (const command of commands) {
    const group = groups.at(-1);
    if (command.kind === 'from') groups.push({ from: command, commands: [] });
    else if (group) group.commands.push(command);
    else if (command.kind === 'foreign' && command.name === 'ARG') args.push(command);
    else {
      const keyword = command.instruction.keyword.toUpperCase();
      const hint = 'write FROM scratch before it';
      error({ code: 'NoStage', message: `${keyword} stands before the first FROM`, range: command.range, hint });
    }
  }
  return { groups, args };
}

class StageResolver {
  readonly #stages: Stage[] = [];
  /** By lower-case name, the latest; what COPY --from and --target look in. */
  readonly #byName = new Map<string, Stage>();
  /** What an index of COPY --from counts: the stages, and behind them the contexts that earlier COPYs named. */
  readonly #indexed: CopySource[] = [];
  readonly #sources = new Map<CopyCommand, CopySource>();
  readonly #env: Map<string, string>;
  /** Whether a FROM was refused whose stage is kept all the same, so that what is wrong further down is found too. */
  #broken = false;

  constructor(
    readonly document: Document,
    readonly groups: readonly Group[],
    readonly args: readonly ForeignCommand[],
    readonly options: ResolveOptions,
    readonly error: (diagnostic: Omit<Diagnostic, 'severity'>) => void,
  ) {
    this.#env = new Map(fromEnv(options.platform, options.target ?? groups.at(-1)!.from.name ?? ''));
  }

  resolve(): ResolvedStages | undefined {
    this.#readGlobalArgs();
    for (const [index, group] of this.groups.entries()) this.#addStage(group, index);
    if (this.#stages.length < this.groups.length) return undefined;
    const target = this.#findTarget();
    for (const stage of this.#stages) {
      for (const command of stage.commands) if (command.kind === 'copy') this.#resolveSource(command);
    }
    if (!target) return undefined;
    const cycle = findCycle(this.#stages, this.#sources);
    if (cycle) {
      const names = cycle.stages.map((stage) => stage.name ?? `stage ${stage.index}`);
      const hint = 'copy from a stage above that does not need this one';
      const message =
        names.length === 1
          ? `the stage ${names[0]} copies from itself`
          : `these stages copy from one another in a circle: ${[...names, names[0]].join(' ← ')}`;
      this.error({
        code: 'CircularDependency',
        message,
        range: cycle.command.range,
        hint,
      });
      return undefined;
    }
    if (this.#broken) return undefined;
    const reached = findReached(target, this.#stages, this.#sources);
    const resolved = { stages: this.#stages, target, reached, sources: this.#sources };
    const { args, document, options } = this;
    judgeStages(resolved, { args, contexts: options.contexts, escape: document.escape }, this.error);
    return resolved;
  }

  /** ARG before FROM: its defaults are needed to read the FROM lines of stages that may not be needed. */
  #readGlobalArgs(): void {
    for (const { instruction } of this.args) {
      for (const { text, range } of instruction.args) {
        const at = text.indexOf('=');
        if (at < 0) continue;
        const value = this.#expand(text.slice(at + 1), range);
        if (value !== undefined) this.#env.set(text.slice(0, at), value);
      }
    }
  }

  #addStage({ from, commands }: Group, index: number): void {
    const baseName = this.#expand(from.base.text, from.base.range);
    if (baseName === undefined) return;
    if (baseName === '') {
      const hint = 'FROM knows TARGET… and BUILD… variables; ${NAME:-scratch} gives a default';
      const message = `${from.base.text} expands to nothing`;
      this.error({ code: 'InvalidExpansion', message, range: from.base.range, hint });
      return;
    }
    if (from.platform && !this.#checkPlatform(from.platform.value, from.platform.range)) return;
    const replacedBy = from.name === undefined ? undefined : this.#contextFor(from.name, from);
    if (replacedBy === null) return;
    const earlier = this.#byName.get(baseName); // FROM minds case, and names are kept in lower case
    const base: Base = earlier
      ? { kind: 'stage', stage: earlier }
      : baseName === 'scratch'
        ? { kind: 'scratch' }
        : { kind: 'image', name: baseName };
    if (base.kind === 'image' && replacedBy === undefined && !this.#checkImageName(baseName, from.base.range)) {
      this.#broken = true;
    }
    const stage: Stage = { index, name: from.name, base, replacedBy, from, commands };
    this.#stages.push(stage);
    this.#indexed.push({ kind: 'stage', stage });
    if (from.name !== undefined) this.#byName.set(from.name, stage);
  }

  #expand(text: string, range: SourceRange): string | undefined {
    try {
      return expandWord(text, this.#env, { escape: this.document.escape });
    } catch (cause) {
      if (!(cause instanceof ExpansionError)) throw cause;
      const knows = 'FROM knows TARGET… and BUILD… variables; ${NAME:-scratch} gives a default';
      this.error({ ...expansionProblem(text, cause, { escape: this.document.escape, knows }), range });
      return undefined;
    }
  }

  #checkPlatform(value: string, range: SourceRange): boolean {
    if (value === '') return true;
    const platform = this.#expand(value, range);
    if (platform === undefined) return false;
    if (platform === '') {
      const hint = `known are ${[...this.#env.keys()].filter((k) => k.endsWith('PLATFORM')).join(' and ')}`;
      this.error({ code: 'InvalidPlatform', message: `${value} expands to nothing`, range, hint });
      return false;
    }
    const parsed = parsePlatform(platform, this.options.platform);
    if (typeof parsed !== 'string') return true;
    this.error({
      code: 'InvalidPlatform',
      message: parsed,
      range,
      hint: platformHint(platform),
    });
    return false;
  }

  /** The named context that replaces a stage; null when the name does not do for a context, which BuildKit refuses. */
  #contextFor(name: string, from: FromCommand): string | undefined | null {
    if (name === 'scratch' || name === 'context') return undefined;
    const normal = normalizeContextName(name);
    if (normal === undefined) {
      const range = from.instruction.args[2]?.range ?? from.range;
      const hint =
        'a name must also do as the name of an image: no "." "-" or "_" at its end, and no two in a row but "__" or dashes';
      this.error({ code: 'InvalidStageName', message: `${JSON.stringify(name)} cannot name a stage`, range, hint });
      return null;
    }
    return this.options.contexts.has(normal) ? normal : undefined;
  }

  #checkImageName(name: string, range: SourceRange): boolean {
    if (isReference(name)) return true;
    const near = suggest(name, ['scratch', ...this.#byName.keys()], { caseInsensitive: true });
    const hint = near
      ? `did you mean ${near}? FROM minds the case of names`
      : 'write FROM scratch, or FROM an earlier stage';
    this.error({
      code: 'UnsupportedBase',
      message: `FROM ${name}: this is neither a stage nor the name of an image`,
      range,
      hint,
    });
    return false;
  }

  #findTarget(): Stage | undefined {
    const name = this.options.target;
    if (name === undefined || name === '') return this.#stages.at(-1);
    const stage = this.#byName.get(name.toLowerCase());
    if (stage) return stage;
    const names = [...this.#byName.keys()];
    const near = suggest(name, names, { caseInsensitive: true });
    const known = names.length ? `the stages are ${names.join(', ')}` : 'no stage has a name; write FROM … AS name';
    this.error({
      code: 'TargetNotFound',
      message: `there is no stage ${JSON.stringify(name)} to build`,
      hint: near ? `did you mean ${near}?` : known,
    });
    return undefined;
  }

  #resolveSource(command: CopyCommand): void {
    const source = command.from
      ? this.#findSource(command.from.value, command.from.range)
      : ({ kind: 'context' } as const);
    if (!source) return;
    if (source.kind === 'named' || source.kind === 'scratch') this.#indexed.push(source);
    this.#sources.set(command, source);
  }

  #findSource(name: string, range: SourceRange): CopySource | undefined {
    let expanded: string | undefined;
    try {
      expanded = expandWord(name, new Map(), { escape: this.document.escape });
    } catch {
      // refused below, like any expansion
    }
    if (expanded !== name) {
      const hint = 'name a stage with FROM ${VARIABLE} AS name, and copy from that name';
      this.error({ code: 'UnsupportedSource', message: 'COPY --from expands no variables and no quotes', range, hint });
      return undefined;
    }
    if (/^[+-]?\d+$/.test(name) && Math.abs(Number(name)) < 2 ** 63) {
      const found = this.#indexed[Number(name)];
      if (found) return found;
      const { length } = this.groups;
      const hint =
        length === 1 ? 'there is one stage, and its number is 0' : `there are ${length} stages, counted from 0`;
      this.error({ code: 'StageNotFound', message: `COPY --from=${name}: there is no such stage`, range, hint });
      return undefined;
    }
    const stage = this.#byName.get(name.toLowerCase());
    if (stage) return { kind: 'stage', stage };
    if (name === 'scratch') return { kind: 'scratch' };
    if (isReference(name)) return { kind: 'named', name };
    const near = suggest(name, [...this.#byName.keys(), ...this.options.contexts], { caseInsensitive: true });
    const hint = near ? `did you mean ${near}?` : 'the name of a context or an image is in lower case';
    this.error({
      code: 'UnsupportedSource',
      message: `COPY --from=${name}: this is neither a stage nor the name of a context`,
      range,
      hint,
    });
    return undefined;
  }
}
