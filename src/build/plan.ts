/** Dockerfile text → graph and config, with all that is to be said of the text: the pure half of a build. */
import { BuildError } from '../diagnostic/build-error.js';
import type { DiagnosticCode } from '../diagnostic/codes.js';
import type { Diagnostic, Report, SourceRange } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { type CheckConfig, parseCheckConfig } from '../frontend/check-directive.js';
import { normalizeContextName } from '../frontend/context-name.js';
import type { Document } from '../frontend/document.js';
import { type Command, parseInstruction } from '../frontend/instructions.js';
import { isBuildKitRule, lintDocument } from '../frontend/lint.js';
import { parseDockerfile } from '../frontend/parse.js';
import { secondOpinion } from '../frontend/second-reader.js';
import type { ResolvedStages } from '../frontend/stage.js';
import { resolveStages } from '../frontend/stages.js';
import { type NamedContextInfo, type Plan, planStages, toLLB } from '../frontend/to-llb.js';
import type { Platform } from '../oci/descriptor.js';
import { decodeText } from '../util/text.js';

export interface PlanOptions {
  readonly file: string;
  readonly bytes: Uint8Array;
  /** What is wrong beside the Dockerfile, in the ignore file of the main context. */
  readonly errors?: readonly Diagnostic[];
  readonly target: string | undefined;
  /** As given, aliases resolved, not normalised: FROM's variables show it so. */
  readonly platform: Platform;
  /** Ignore patterns of the main context. */
  readonly excludes: readonly string[];
  readonly named: ReadonlyMap<string, NamedContextInfo>;
  /** Whether stages that the target does not need get warnings too: those that `docker buildx build --check` gives without a target. */
  readonly allStages?: boolean;
}

/** What a Dockerfile comes to. `resolved` and `plan` are undefined when it has errors. */
export interface Analysis {
  readonly document: Document;
  readonly resolved: ResolvedStages | undefined;
  readonly plan: Plan | undefined;
  /** In the order of the file, as are the warnings. */
  readonly errors: readonly Diagnostic[];
  /** Those that `# check=skip=` leaves. */
  readonly warnings: readonly Diagnostic[];
  /** What `# check=` says; nothing when it is malformed, which is an error. */
  readonly check: CheckConfig;
}

/** Finds everything that the text of a Dockerfile gives reason to say. */
export function analyzeDockerfile(options: PlanOptions): Analysis {
  const { target, platform, excludes, named } = options;
  const errors: Diagnostic[] = [];
  const found: Diagnostic[] = [];
  const collect: Report = (diagnostic) => (diagnostic.severity === 'error' ? errors : found).push(diagnostic);
  const document = parseDockerfile(decodeText(options.bytes), options.file, collect);
  const config = parseCheckConfig(document.check);
  const check = config ?? parseCheckConfig(undefined)!;
  const commands = document.instructions.map((i) => parseInstruction(i, collect)).filter((c) => c !== undefined);
  const contexts = new Set(named.keys());
  const stages = mayLackStage(document, commands, errors)
    ? undefined
    : resolveStages(document, commands, { target, platform, contexts }, collect);
  const resolved = errors.length === 0 ? stages : undefined;
  const allStages = options.allStages ?? false;
  const lint = { document, commands, resolved, allStages, target, platform, excludes, named };
  const warnings = lintDocument(lint, found, check);
  const plans = stages && planStages(document, stages, collect);
  const sound = plans && resolved && errors.length === 0;
  const plan = sound ? toLLB(document, resolved, plans, { excludes, contexts: named }, collect) : undefined;
  if (!config) errors.push(malformedCheck(document));
  const beside = [...(options.errors ?? []), ...(resolved ? ignoreFileErrors(resolved, named) : [])];
  return { document, resolved, plan, errors: [...inOrder(errors), ...beside], warnings, check };
}

/** What is wrong with the ignore files of the named contexts that the target needs; BuildKit reads no others. */
function ignoreFileErrors({ reached, sources }: ResolvedStages, named: PlanOptions['named']): Diagnostic[] {
  const used = new Set<string | undefined>();
  for (const { replacedBy, commands } of reached) {
    if (replacedBy !== undefined) used.add(replacedBy);
    else
      for (const command of commands) {
        const source = command.kind === 'copy' ? sources.get(command) : undefined;
        if (source?.kind === 'named') used.add(normalizeContextName(source.name));
      }
  }
  return [...named].flatMap(([name, info]) => (used.has(name) && info.kind === 'local' ? (info.errors ?? []) : []));
}

/** After these nobody knows what the rest of the file says. */
const UNREADABLE: readonly DiagnosticCode[] = ['LineTooLong', 'InvalidDirective', 'UnterminatedHeredoc'];

/**
 * Whether a FROM may be among the lines that could not be read: names and indexes of stages mean nothing then. Any other line that is lost
 * leaves the errors of the rest worth telling.
 */
function mayLackStage(
  { instructions, unknown }: Document,
  commands: readonly Command[],
  errors: readonly Diagnostic[],
): boolean {
  if (errors.some((e) => UNREADABLE.includes(e.code))) return true;
  if (unknown.some((word) => suggest(word.text, ['from'], { caseInsensitive: true }) !== undefined)) return true;
  const written = instructions.filter((i) => i.keyword.toLowerCase() === 'from').length;
  return commands.filter((c) => c.kind === 'from').length < written || (written === 0 && errors.length > 0);
}

/**
 * Plans a build. Only a file with errors costs a second reader, whose opinion may explain them.
 * @param report receives the warnings, also those of a file with errors
 * @throws BuildError with every error of the file; under `# check=error=true` BuildKit's warnings are among them
 */
export async function planBuild(options: PlanOptions, report: Report): Promise<Plan> {
  const { document, plan, errors, warnings, check } = analyzeDockerfile(options);
  const fatal = check.error ? warnings.filter((w) => isBuildKitRule(w.code)) : [];
  for (const warning of warnings) if (!fatal.includes(warning)) report(warning);
  if (plan && errors.length === 0 && fatal.length === 0) return plan;
  for (const warning of await secondOpinion(document)) report(warning);
  throw new BuildError(inOrder([...errors, ...fatal.map(asError)]));
}

/** A warning that `# check=error=true` makes an error. */
export function asError(warning: Diagnostic): Diagnostic {
  const { hint } = warning;
  return { ...warning, severity: 'error', hint: `${hint ? `${hint}; ` : ''}the file says # check=error=true` };
}

function malformedCheck({ check, text, file }: Document): Diagnostic {
  const lines = text.split('\n');
  const index = lines.findIndex((line) => /^#\s*check\s*=/i.test(line.replace(/^\ufeff/, '').trimStart()));
  const line = index + 1;
  const range: SourceRange = {
    file,
    start: { line, column: 1 },
    end: { line, column: lines[index]!.trimEnd().length + 1 },
  };
  const message = `# check=${check} cannot be understood`;
  const hint = 'write # check=skip=Rule,Rule;error=true, without blanks: what stands behind one is not read';
  return { code: 'InvalidDirective', severity: 'error', message, range, hint };
}

/** As they stand in the file, one file after the other; what has no place comes last. */
export function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const files = [...new Set(diagnostics.flatMap(({ range }) => (range ? [range.file] : [])))];
  const at = ({ range }: Diagnostic) =>
    range ? [files.indexOf(range.file), range.start.line, range.start.column] : [files.length, 0, 0];
  return [...diagnostics].sort((a, b) => {
    const [x, y] = [at(a), at(b)];
    return x[0]! - y[0]! || x[1]! - y[1]! || x[2]! - y[2]!;
  });
}
