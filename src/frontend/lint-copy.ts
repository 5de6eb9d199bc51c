/** Rules about COPY: its variables, and what an ignore file keeps from it. */
import { suggest } from '../diagnostic/suggest.js';
import { PatternSet } from '../snapshot/patterns.js';
import { cleanPath } from '../util/go-path.js';
import type { Document } from './document.js';
import { STAGE_ENV } from './env.js';
import { mentionedVariables } from './expand.js';
import type { CopyCommand, ForeignCommand } from './instructions.js';
import { argNames, basesFirst, type Finding, type LintContext, tryExpand } from './lint-context.js';
import type { Stage } from './stage.js';

/** Variables in COPY that nothing sets. Within the subset that is all but PATH; a stage that is not built may have ENV and ARG. */
export function undefinedVariables({ stages, document, named }: LintContext): Finding[] {
  const inherited = namesOfStages(stages, named);
  return stages.flatMap((stage) => {
    const names = inherited.get(stage);
    const known = names && new Set(names);
    return stage.commands.flatMap((command) => {
      if (command.kind === 'foreign') for (const name of setNames(command)) known?.add(name);
      if (command.kind !== 'copy' || !known) return [];
      return undefinedIn(command, known, document);
    });
  });
}

/** Arguments that never become variables, and that BuildKit does not miss. */
const SCAN_SWITCHES: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

function undefinedIn(command: CopyCommand, known: ReadonlySet<string>, document: Document): Finding[] {
  const flags = [command.chown, command.chmod].flatMap((f) => (f ? [{ text: f.value, range: f.range }] : []));
  const words = [...flags, ...command.sources, command.dest].map((w) => ({
    ...w,
    names: mentionedVariables(w.text, document),
  }));
  for (const { content, expand, range } of command.heredocs) {
    if (!expand) continue;
    words.push({ text: content, range, names: mentionedVariables(content, { escape: '\\', ignoreQuotes: true }) });
  }
  return words.flatMap(({ names, range }) =>
    [...names]
      .filter((name) => !known.has(name) && !SCAN_SWITCHES.has(name))
      .map((name) => {
        const near = suggest(name, known, { caseInsensitive: true });
        const hint = near
          ? `did you mean $${near}?`
          : 'write the value itself; a $ that starts no variable is written \\$';
        const message = `$${name} is not set: within a stage wbuild knows PATH alone`;
        return { range, message, hint, above: command.instruction };
      }),
  );
}

/**
 * The variables that each stage begins with; undefined when they come from an image, which nobody looks into. A stage that sets none shares the set
 * of the one that it is built on.
 */
function namesOfStages(
  stages: readonly Stage[],
  named: LintContext['named'],
): ReadonlyMap<Stage, ReadonlySet<string> | undefined> {
  const start: ReadonlySet<string> = new Set(STAGE_ENV.keys());
  const begin = new Map<Stage, ReadonlySet<string> | undefined>();
  const nameStage = (stage: Stage) => {
    if (stage.replacedBy !== undefined) return named.get(stage.replacedBy)?.kind === 'local' ? start : undefined;
    if (stage.base.kind === 'image') return undefined;
    if (stage.base.kind === 'scratch') return start;
    const names = begin.get(stage.base.stage);
    const own = stage.base.stage.commands.flatMap((c) => (c.kind === 'foreign' ? setNames(c) : []));
    return names && own.length > 0 ? new Set([...names, ...own]) : names;
  };
  for (const stage of stages) for (const each of basesFirst(stage, begin)) begin.set(each, nameStage(each));
  return begin;
}

function setNames(command: ForeignCommand): string[] {
  if (command.name === 'ARG') return argNames(command);
  if (command.name !== 'ENV') return [];
  const { text } = command.instruction.rest;
  const legacy = /^[^\s=]+(?=\s)/.exec(text)?.[0];
  return legacy !== undefined ? [legacy] : [...text.matchAll(/(?:^|\s)([^\s="']+)=/g)].map((m) => m[1]!);
}

/** Silent when the ignore file takes anything back: what is left of a folder then is too hard to say. */
export function copyIgnoredFile({ stages, excludes, document }: LintContext): Finding[] {
  const patterns = new PatternSet(excludes);
  if (excludes.length === 0 || patterns.hasNegations) return [];
  const ignoresAll = patterns.patterns.some((p) => ['*', '**', '**/*'].includes(p.text));
  return stages.flatMap((stage) =>
    stage.commands.flatMap((command) => {
      if (command.kind !== 'copy' || command.from) return [];
      return command.sources.flatMap(({ text, range }) => {
        const expanded = tryExpand(text, STAGE_ENV, document);
        if (expanded === undefined) return [];
        const path = cleanPath(expanded);
        if ((path === '.' || path === '/') && !ignoresAll) return [];
        // an absolute path has a folder of the name /, which a set like [^a] matches
        const matched = [path, ...(/^\/[^/]*$/.test(path) ? ['/'] : [])].find((p) => patterns.match(p).matched);
        if (matched === undefined) return [];
        const rule = patterns.deciding(matched)?.text ?? '';
        const hint = `remove ${rule} from the ignore file, or do not copy it`;
        return [
          {
            range,
            message: `${path} is kept out of the build by an ignore file (${rule})`,
            hint,
            above: command.instruction,
          },
        ];
      });
    }),
  );
}
