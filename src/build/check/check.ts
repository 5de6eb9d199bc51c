/** `wbuild check`: everything there is to say of a build, without building. Contexts are listed and not packed; nothing is written. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Context } from '../../context/open-context.js';
import { BuildError } from '../../diagnostic/build-error.js';
import type { DiagnosticCode } from '../../diagnostic/codes.js';
import type { Diagnostic, SourceRange } from '../../diagnostic/diagnostic.js';
import { isEnabled, withComments } from '../../frontend/check-directive.js';
import { normalizeContextName } from '../../frontend/context-name.js';
import type { Command, EntrypointCommand } from '../../frontend/instructions.js';
import { RULES } from '../../frontend/lint.js';
import { secondOpinion } from '../../frontend/second-reader.js';
import type { Stage } from '../../frontend/stage.js';
import { normalizePlatform } from '../../oci/platform.js';
import { solveTolerantly } from '../../solver/solve-tolerantly.js';
import type { BuildOptions } from '../build-options.js';
import { type Inputs, openInputs, type PlatformInputs } from '../inputs.js';
import { type Analysis, analyzeDockerfile, asError, inOrder } from '../plan.js';
import { readPlatforms } from '../platforms.js';
import { checkImage } from './image-rules.js';

/** What is checked: the options of a build that decide what goes into the image. Outputs are named so that they are no part of the context. */
export type CheckOptions = Pick<
  BuildOptions,
  'context' | 'file' | 'buildContexts' | 'target' | 'platform' | 'platforms' | 'cacheDir' | 'stdin' | 'signal'
> &
  Partial<Pick<BuildOptions, 'outputs' | 'epochSeconds'>>;

export interface CheckResult {
  /** Whether there are no errors: the build would come to its end, as far as that can be told without building. */
  readonly ok: boolean;
  /** Errors and warnings in the order of the file; what has no place in it comes last. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Finds every error and warning of a build: what BuildKit's linter says of all stages (of those that the target needs, where one is given),
 * sources of COPY that are missing or ignored, and what image-rules.ts knows of the files.
 * @throws BuildError when there is nothing to check: the Dockerfile or a context is not there, or an option is wrong
 */
export async function check(options: CheckOptions): Promise<CheckResult> {
  const { outputs = [], epochSeconds = 0 } = options;
  const platforms = readPlatforms(options);
  const scratch = mkdtempSync(path.join(tmpdir(), 'wbuild-')); // for the files of an archive on standard input
  try {
    const inputs = await openInputs({ ...options, outputs, epochSeconds }, platforms, scratch);
    try {
      const results: CheckResult[] = [];
      for (const of of inputs.platforms) results.push(await checkPlatform(options, inputs.dockerfile, of));
      return mergeResults(results);
    } finally {
      await inputs.close();
    }
  } catch (error) {
    // a pattern of an ignore file is a finding: it has a place in a file
    if (error instanceof BuildError && error.diagnostics.every((d) => d.range)) {
      return { ok: false, diagnostics: error.diagnostics };
    }
    throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function checkPlatform(
  options: CheckOptions,
  dockerfile: Inputs['dockerfile'],
  { platform, contexts, named }: PlatformInputs,
): Promise<CheckResult> {
  const { epochSeconds = 0, target, signal } = options;
  const excludes = contexts.get('context')!.excludes;
  const allStages = target === undefined || target === '';
  const analysis = analyzeDockerfile({ ...dockerfile, target, platform, excludes, named, allStages });
  const solving = await solveTolerantly(analysis.plan?.result, contexts, signal);
  const { plan } = analysis;
  const ofImage =
    plan && analysis.errors.length === 0 && solving.errors.length === 0
      ? checkImage({
          ...plan,
          entrypoint: entrypointOf(analysis),
          snapshots: solving.snapshots,
          folders: folderNames(options, contexts),
          platform: normalizePlatform(platform),
          epochSeconds,
        })
      : [];
  const opinion = await secondOpinion(analysis.document);
  return conclude(analysis, solving.errors, [...ofImage, ...opinion]);
}

/** What the platforms say, each finding once. */
function mergeResults(results: readonly CheckResult[]): CheckResult {
  const distinct = new Map(results.flatMap(({ diagnostics }) => diagnostics.map((d) => [JSON.stringify(d), d])));
  return { ok: results.every(({ ok }) => ok), diagnostics: inOrder([...distinct.values()]) };
}

/** An error says more than the warning of the same name on the same source. */
function conclude(analysis: Analysis, solving: readonly Diagnostic[], ofImage: readonly Diagnostic[]): CheckResult {
  const errors = [...analysis.errors, ...solving];
  const told = new Set(errors.map(placeKey));
  const comments = commentsByLine(analysis);
  const kept = ofImage.filter((w) => {
    const above = w.range ? comments.get(instructionLine(w.range)) : undefined;
    return isEnabled(withComments(analysis.check, above ?? []), w);
  });
  const warnings = [...analysis.warnings.filter((w) => !told.has(placeKey(w))), ...kept];
  const all = [...errors, ...(analysis.check.error ? warnings.map(asError) : warnings)];
  return { ok: all.every((d) => d.severity === 'warning'), diagnostics: inOrder(all) };
}

function placeKey({ code, range }: Diagnostic): string {
  return `${code} ${range?.file}:${range?.start.line}:${range?.start.column}`;
}

function commentsByLine({ document }: Analysis): ReadonlyMap<number, readonly string[]> {
  return new Map(document.instructions.map(({ range, comments }) => [instructionLine(range), comments]));
}

function instructionLine({ instructionLine, start }: SourceRange): number {
  return instructionLine ?? start.line;
}

/** The contexts that are folders on this machine. */
function folderNames({ context, buildContexts = {} }: CheckOptions, contexts: ReadonlyMap<string, Context>) {
  const others = Object.entries(buildContexts).filter(([, spec]) => spec.startsWith('oci-layout://'));
  const images = new Set(others.map(([name]) => normalizeContextName(name)));
  return new Set([...contexts.keys()].filter((name) => (name === 'context' ? context !== '-' : !images.has(name))));
}

/** The ENTRYPOINT that counts: the last of the target, or of the nearest stage below that has one. */
function entrypointOf({ resolved }: Analysis): EntrypointCommand | undefined {
  const isEntrypoint = (c: Command): c is EntrypointCommand => c.kind === 'entrypoint';
  for (let stage: Stage | undefined = resolved?.target; stage && stage.replacedBy === undefined; ) {
    const last = stage.commands.findLast(isEntrypoint);
    if (last) return last;
    stage = stage.base.kind === 'stage' ? stage.base.stage : undefined;
  }
  return undefined;
}

/** The page of BuildKit's documentation for a rule of BuildKit. */
export function ruleUrl(code: DiagnosticCode): string | undefined {
  return RULES.find((rule) => rule.code === code)?.url;
}
