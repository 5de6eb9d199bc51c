/**
 * Stages → graph and image config.
 * @see moby/buildkit frontend/dockerfile/dockerfile2llb/{convert,convert_copy}.go, client/llb/fileop.go
 */
import type { Diagnostic, Report, SourceRange } from '../diagnostic/diagnostic.js';
import { makeVertex } from '../llb/marshal.js';
import {
  type CopyAction,
  type FileAction,
  type LineSpan,
  type Owner,
  SCRATCH,
  type UserOpt,
  type Vertex,
} from '../llb/op.js';
import type { Digest } from '../util/digest.js';
import { goJson } from '../util/go-json.js';
import { joinPath } from '../util/go-path.js';
import { compareBytes, quote } from '../util/text.js';
import { normalizeContextName } from './context-name.js';
import { copyOf, copyOfInline, inlineVertex } from './copy-action.js';
import { type CopyPlan, planCopy } from './copy-plan.js';
import type { Document } from './document.js';
import { DEFAULT_PATH, STAGE_ENV } from './env.js';
import { expandWord } from './expand.js';
import type { EntrypointCommand } from './instructions.js';
import type { CopySource, ResolvedStages, Stage } from './stage.js';

/** What the Dockerfile says of the image besides its files. */
export interface ConfigDraft {
  readonly env: readonly string[];
  readonly workingDir: string;
  /** undefined: never set; an empty list: taken back by `ENTRYPOINT []`. */
  readonly entrypoint: readonly string[] | undefined;
  readonly history: readonly HistoryDraft[];
}

export interface HistoryDraft {
  readonly createdBy: string;
  readonly emptyLayer: boolean;
}

export interface Plan {
  /** The vertex that makes the root filesystem; undefined for one without files. */
  readonly result: Vertex | undefined;
  readonly config: ConfigDraft;
}

export interface ToLlbOptions {
  /** Patterns of the ignore file of the main context. */
  readonly excludes: readonly string[];
  /** Of each named context, by normalised name: its ignore patterns, or the digest of the image in an OCI layout. */
  readonly contexts: ReadonlyMap<string, NamedContextInfo>;
}

export type NamedContextInfo =
  | {
      readonly kind: 'local';
      readonly excludes: readonly string[];
      /** What is wrong with its ignore file, which counts only where the context is used. */
      readonly errors?: readonly Diagnostic[];
    }
  | { readonly kind: 'oci-layout'; readonly digest: string };

/** What the instructions of each stage that the target needs come to. */
export type StagePlans = ReadonlyMap<Stage, readonly (CopyPlan | EntrypointCommand)[]>;

/** Builds the graph of the stages that the target needs, which have no errors; undefined when something was reported. */
export function toLLB(
  document: Document,
  resolved: ResolvedStages,
  plans: StagePlans,
  options: ToLlbOptions,
  report: Report,
): Plan | undefined {
  let failed = false;
  const error = (diagnostic: Omit<Diagnostic, 'severity'>) => {
    failed = true;
    report({ severity: 'error', ...diagnostic });
  };
  const graph = new GraphBuilder(resolved, plans, options, document.escape, error);
  const plan = graph.build();
  return failed ? undefined : plan;
}

/**
 * Expands and checks the words of every COPY that the target needs, one by one. A stage that is refused for what it is built on is left out:
 * it will be built by other means.
 * @param report receives the errors of each
 */
export function planStages(document: Document, resolved: ResolvedStages, report: Report): StagePlans {
  const error = (diagnostic: Omit<Diagnostic, 'severity'>) => report({ severity: 'error', ...diagnostic });
  const plans = new Map<Stage, (CopyPlan | EntrypointCommand)[]>();
  for (const stage of resolved.reached) {
    const list: (CopyPlan | EntrypointCommand)[] = [];
    plans.set(stage, list);
    if (stage.replacedBy !== undefined || stage.base.kind === 'image') continue;
    for (const command of stage.commands) {
      if (command.kind === 'entrypoint') list.push(command);
      const plan = command.kind === 'copy' ? planCopy(command, document.escape, error) : undefined;
      if (plan) list.push(plan);
    }
  }
  return plans;
}

/** What a stage has come to: its files, and what it adds to the config of the stage that it is built on. */
interface StageState {
  readonly base: StageState | undefined;
  readonly vertex: Vertex | undefined;
  readonly entrypoint: readonly string[] | undefined;
  /** Of this stage alone: whole ones would make a long chain of stages cost its square. */
  readonly history: readonly HistoryDraft[];
}

function configOf(state: StageState): ConfigDraft {
  const chain: StageState[] = [];
  for (let at: StageState | undefined = state; at; at = at.base) chain.push(at);
  const history = chain.reverse().flatMap((s) => s.history);
  return { env: [`PATH=${DEFAULT_PATH}`], workingDir: '/', entrypoint: state.entrypoint, history };
}

class GraphBuilder {
  readonly #states = new Map<Stage, StageState>();
  readonly #sources = new Map<object, Vertex>();
  /** The paths that are read of a context, and where each is first named; its key is the CopySource, the replaced stage, or `MAIN` for the main context. */
  readonly #paths = new Map<object, Map<string, SourceRange>>();

  constructor(
    readonly resolved: ResolvedStages,
    readonly plans: StagePlans,
    readonly options: ToLlbOptions,
    readonly escape: string,
    readonly error: (diagnostic: Omit<Diagnostic, 'severity'>) => void,
  ) {
    const sources = [...resolved.sources.values()];
    this.#alone = resolved.stages.length === 1 && sources.every((s) => s.kind === 'context' || s.kind === 'stage');
  }

  /** BuildKit leaves the name of a lone stage out of its steps; contexts that COPYs name count as stages. */
  readonly #alone: boolean;

  build(): Plan {
    const { target } = this.resolved;
    if (target.replacedBy !== undefined) {
      this.error({
        code: 'UnsupportedBase',
        message: `the context ${target.replacedBy} stands in the place of the stage ${target.name}, which is what is built, and wbuild makes no image of a context`,
        range: target.from.range,
        hint: `add a stage: FROM scratch and COPY --from=${target.name} / /`,
      });
    }
    for (const stage of this.resolved.reached) this.#collectPaths(stage);
    for (const stage of this.resolved.reached) this.#states.set(stage, this.#buildStage(stage));
    const state = this.#states.get(target)!;
    return { result: state.vertex, config: configOf(state) };
  }

  #collectPaths(stage: Stage): void {
    for (const plan of this.plans.get(stage)!) {
      if (!('history' in plan)) continue;
      const key = this.#contextKey(this.resolved.sources.get(plan.command)!);
      if (!key || plan.sources.length === 0) continue;
      const paths = this.#paths.get(key) ?? new Map();
      for (const { text, range } of plan.sources) {
        const path = joinPath('/', text);
        if (!paths.has(path)) paths.set(path, range);
      }
      this.#paths.set(key, paths);
    }
  }

  #contextKey(source: CopySource): object | undefined {
    if (source.kind === 'context') return MAIN;
    if (source.kind === 'named') return source;
    return source.kind === 'stage' && source.stage.replacedBy !== undefined ? source.stage : undefined;
  }

  #buildStage(stage: Stage): StageState {
    if (stage.replacedBy !== undefined) {
      const vertex = this.#contextVertex(stage, stage.replacedBy);
      return { base: undefined, vertex, entrypoint: undefined, history: [] };
    }
    const base = stage.base.kind === 'stage' ? this.#baseState(stage.base.stage, stage) : undefined;
    let vertex = base?.vertex;
    let entrypoint = base?.entrypoint;
    const history: HistoryDraft[] = [];
    const steps = this.plans.get(stage)!;
    const total = steps.filter((s) => 'history' in s).length;
    let step = 0;
    for (const plan of steps) {
      if ('history' in plan) {
        vertex = this.#copy(plan, vertex, this.#stepName(stage, plan, ++step, total));
        history.push({ createdBy: plan.history, emptyLayer: false });
      } else {
        entrypoint = entrypointOf(plan);
        history.push({ createdBy: `ENTRYPOINT [${entrypoint.map(quote).join(' ')}]`, emptyLayer: true });
      }
    }
    return { base, vertex, entrypoint, history };
  }

  #baseState(base: Stage, stage: Stage): StageState {
    if (base.replacedBy !== undefined) {
      this.error({
        code: 'UnsupportedBase',
        message: `FROM ${stage.from.base.text}: the context ${base.replacedBy} stands in the place of that stage, and wbuild does not build on a context`,
        range: stage.from.base.range,
        hint: `write FROM scratch and COPY --from=${base.name} / /`,
      });
    }
    return this.#states.get(base)!;
  }

  /** "[builder 2/3] COPY a /", as BuildKit shows it. */
  #stepName(stage: Stage, plan: CopyPlan, step: number, total: number): (link?: string) => string {
    const code = this.#expandedCode(plan);
    const name = this.#alone ? '' : `${stage.name ?? `stage-${stage.index}`} `;
    const width = Math.trunc(1 + Math.log10(total));
    return (link = '') => `[${name}${String(step).padStart(width)}/${total}] ${link}${code}`;
  }

  /** As typed, variables expanded, the keyword (all up to the first blank) in upper case. */
  #expandedCode(plan: CopyPlan): string {
    const { code } = plan.command.instruction;
    let shown = code;
    try {
      shown = expandWord(code, STAGE_ENV, { escape: this.escape });
    } catch {
      // shown as typed
    }
    const blank = shown.indexOf(' ');
    return blank < 0 ? shown.toUpperCase() : shown.slice(0, blank).toUpperCase() + shown.slice(blank);
  }

  #copy(plan: CopyPlan, state: Vertex | undefined, name: (link?: string) => string): Vertex {
    const { command } = plan;
    const ranges = [command.range];
    const lines = [linesOf(command)];
    // --chmod turns --link off, as in BuildKit; a link onto nothing is a plain copy
    const link = command.link && plan.mode === -1 && plan.modeStr === '';
    const progressGroup = { name: name(), weak: true };
    const file = this.#fileVertex(plan, link ? undefined : state, {
      name: name(),
      ranges,
      lines,
      caps: ['file.base'],
      ...(link && { progressGroup }),
    });
    if (!link || !state) return file;
    return makeVertex({ kind: 'merge', inputs: [0, 1] }, [state, file], {
      name: name('LINK '),
      ranges,
      lines,
      caps: ['mergeop'],
      progressGroup: { name: name(), weak: false },
    });
  }

  #fileVertex(plan: CopyPlan, state: Vertex | undefined, metadata: Vertex['metadata']): Vertex {
    const inputs: Vertex[] = [];
    const indexes = new Map<Digest, number>();
    const add = (vertex: Vertex | undefined) => {
      if (!vertex) return SCRATCH;
      const index = indexes.get(vertex.digest) ?? inputs.push(vertex) - 1;
      indexes.set(vertex.digest, index);
      return index;
    };
    const base = add(state);
    const origin = this.#sourceVertex(plan);
    const owner = this.#owner(plan, base);
    const copies: { from: number; action: CopyAction; vertex: Vertex | undefined }[] = [];
    for (const source of plan.sources)
      copies.push({ from: add(origin), action: copyOf(plan, source.text, owner), vertex: origin });
    for (const inline of plan.files) {
      const vertex = inlineVertex(inline);
      copies.push({ from: add(vertex), action: copyOfInline(plan, inline.name, owner), vertex });
    }
    const last = copies.length - 1;
    const actions: FileAction[] = copies.map(({ from, action }, i) => ({
      input: i === 0 ? base : inputs.length + i - 1,
      secondaryInput: from,
      output: i === last ? 0 : -1,
      action,
    }));
    const listing = [state, ...copies.map((c) => c.vertex).reverse()].filter((v) => v !== undefined);
    const actionRanges = [...plan.sources, ...plan.command.heredocs].map((s) => s.range);
    const actionTexts = [...plan.sources.map((s) => s.text), ...plan.files.map((f) => f.name)];
    const { chown, link } = plan.command;
    const places = { ...metadata, actionRanges, actionTexts, ...(chown && { owner: { range: chown.range, link } }) };
    return makeVertex({ kind: 'file', actions }, inputs, places, [...new Set(listing)]);
  }

  #owner(plan: CopyPlan, base: number): Owner | undefined {
    if (!plan.owner) return undefined;
    const bind = (user: UserOpt): UserOpt => ('name' in user ? { name: user.name, input: base } : user);
    const { user, group } = plan.owner;
    return { ...(user && { user: bind(user) }), ...(group && { group: bind(group) }) };
  }

  #sourceVertex(plan: CopyPlan): Vertex | undefined {
    if (plan.sources.length === 0) return undefined;
    const source = this.resolved.sources.get(plan.command)!;
    switch (source.kind) {
      case 'scratch':
        return undefined;
      case 'context':
        return this.#mainVertex();
      case 'named':
        return this.#contextVertex(source, normalizeContextName(source.name)!);
      case 'stage':
        return this.#states.get(source.stage)?.vertex;
    }
  }

  #mainVertex(): Vertex {
    return this.#cached(MAIN, () =>
      localVertex({
        id: 'context',
        hint: 'context',
        name: '[internal] load build context',
        excludes: this.options.excludes,
        paths: this.#paths.get(MAIN),
      }),
    );
  }

  /** Called once the paths of all COPYs are known, since they are part of the op. */
  #contextVertex(key: object, name: string): Vertex {
    const info = this.options.contexts.get(name)!;
    return this.#cached(key, () =>
      info.kind === 'local'
        ? localVertex({
            id: name,
            hint: `context:${name}-`,
            name: `[context ${name}] load from client`,
            excludes: info.excludes,
            paths: this.#paths.get(key),
          })
        : makeVertex({ kind: 'source', identifier: `oci-layout://${name}@${info.digest}`, attrs: {} }, [], {
            name: `[context ${name}] OCI load from client`,
            ranges: [],
            caps: ['source.ocilayout'],
          }),
    );
  }

  #cached(key: object, make: () => Vertex): Vertex {
    const vertex = this.#sources.get(key) ?? make();
    this.#sources.set(key, vertex);
    return vertex;
  }
}

/** Stands for the main context among the keys of contexts. */
const MAIN = {};

interface LocalSpec {
  readonly id: string;
  readonly hint: string;
  readonly name: string;
  readonly excludes: readonly string[];
  readonly paths: ReadonlyMap<string, SourceRange> | undefined;
}

function localVertex({ id, hint, name, excludes, paths }: LocalSpec): Vertex {
  const named = new Map([...(paths ?? [])].map(([path, range]) => [joinPath('.', path), range]));
  const follow = paths?.has('/') ? [] : [...named.keys()].sort(compareBytes); // none: all of it is read
  const caps = ['source.local', 'source.local.sharedkeyhint', 'source.local.unique'];
  if (follow.length > 0) caps.push('source.local.followpaths');
  if (excludes.length > 0) caps.push('source.local.excludepatterns');
  const attrs = {
    ...(excludes.length > 0 && { 'local.excludepatterns': goJson(excludes) }),
    ...(follow.length > 0 && { 'local.followpaths': goJson(follow) }),
    'local.sharedkeyhint': hint,
  };
  const metadata = { name, ranges: [], caps, pathRanges: named };
  return makeVertex({ kind: 'source', identifier: `local://${id}`, attrs }, [], metadata);
}

/** From the keyword to the end of the last heredoc, which takes a line of its own. */
function linesOf({ range, instruction }: CopyPlan['command']): LineSpan {
  const bodies = instruction.heredocs.map(({ content }) => content.split('\n').length);
  return { first: range.start.line, last: bodies.reduce((line, length) => line + length, range.end.line) };
}

/** ENTRYPOINT replaces the one before; the shell form is run by /bin/sh, even where there is none. */
function entrypointOf({ args, shell }: EntrypointCommand): readonly string[] {
  return shell ? ['/bin/sh', '-c', args.join(' ')] : args;
}
