/**
 * What is allowed but better done otherwise. BuildKit's rules that apply to the subset stand under BuildKit's names and hold where
 * BuildKit's do (testdata/lint has its word for it); rules of our own are marked. None ever changes a byte.
 * @see moby/buildkit frontend/dockerfile/linter/ruleset.go, frontend/dockerfile/dockerfile2llb/validations.go
 */
import type { DiagnosticCode } from '../diagnostic/codes.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { type CheckConfig, isEnabled, withComments } from './check-directive.js';
import { contextOf, type LintInput, type Rule } from './lint-context.js';
import { copyIgnoredFile, undefinedVariables } from './lint-copy.js';
import { brokenJson, severalEntrypoints, shellEntrypoint } from './lint-entrypoint.js';
import { constantPlatform, invalidDefaultArg, redundantPlatform, undefinedArg } from './lint-from.js';
import {
  definitionDescription,
  duplicateStageName,
  fromAsCasing,
  instructionCasing,
  reservedStageName,
  stageNameCasing,
} from './lint-names.js';

const buildkit = (code: DiagnosticCode, check: Rule['check']): Rule => {
  const page = code.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase();
  return { code, url: `https://docs.docker.com/go/dockerfile/rule/${page}/`, check };
};

/** Every rule that looks at the Dockerfile alone; those that look at the files of the image are in image-rules.ts. */
export const RULES: readonly Rule[] = [
  buildkit('NoEmptyContinuation', () => []), // lines.ts finds it, since the lines are gone here
  buildkit('StageNameCasing', stageNameCasing),
  buildkit('FromAsCasing', fromAsCasing),
  { ...buildkit('InvalidDefinitionDescription', definitionDescription), experimental: true },
  buildkit('ReservedStageName', reservedStageName),
  buildkit('DuplicateStageName', duplicateStageName),
  buildkit('ConsistentInstructionCasing', instructionCasing),
  buildkit('InvalidDefaultArgInFrom', invalidDefaultArg),
  buildkit('UndefinedArgInFrom', undefinedArg),
  buildkit('RedundantTargetPlatform', redundantPlatform),
  buildkit('FromPlatformFlagConstDisallowed', constantPlatform),
  buildkit('UndefinedVar', undefinedVariables),
  buildkit('CopyIgnoredFile', copyIgnoredFile),
  buildkit('MultipleInstructionsDisallowed', severalEntrypoints),
  buildkit('JSONArgsRecommended', shellEntrypoint),
  { code: 'BrokenJSONForm', check: brokenJson },
];

const BUILDKIT_CODES: ReadonlySet<string> = new Set(RULES.filter((r) => r.url !== undefined).map((r) => r.code));

/** Whether `# check=error=true` makes an error of it in a build: BuildKit has the rule, so that no build fails which BuildKit makes. */
export function isBuildKitRule(code: DiagnosticCode): boolean {
  return BUILDKIT_CODES.has(code);
}

/**
 * The warnings of a file that its check directives leave, in the order of the file.
 * @param found what the parser warned of
 */
export function lintDocument(input: LintInput, found: readonly Diagnostic[], config: CheckConfig): Diagnostic[] {
  const context = contextOf(input);
  const ours = RULES.flatMap((rule) =>
    rule.check(context).flatMap(({ above, ...finding }) => {
      const own = above ? withComments(config, above.comments) : config;
      return isEnabled(own, rule) ? [{ code: rule.code, severity: 'warning' as const, ...finding }] : [];
    }),
  );
  return [...found.filter((d) => isEnabled(config, d)), ...ours].sort(byPlace);
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  const [x, y] = [a.range?.start, b.range?.start];
  return (x?.line ?? 0) - (y?.line ?? 0) || (x?.column ?? 0) - (y?.column ?? 0);
}
