/**
 * COPY → LLB actions: how sources and destinations are cleaned.
 * @see moby/buildkit frontend/dockerfile/dockerfile2llb/convert_copy.go, util/system/path.go, client/llb/fileop.go
 */
import { makeVertex } from '../llb/marshal.js';
import { type CopyAction, type Owner, SCRATCH, type Vertex } from '../llb/op.js';
import { cleanPath, hasWildcards, joinPath } from '../util/go-path.js';
import { encodeText } from '../util/text.js';
import type { CopyPlan } from './copy-plan.js';

/** A heredoc as a file of its own. */
export function inlineVertex({ name, content, range }: CopyPlan['files'][number]): Vertex {
  const action = { kind: 'mkfile', path: normalizeDest(name, false), mode: 0o644, data: encodeText(content) } as const;
  return makeVertex({ kind: 'file', actions: [{ input: SCRATCH, secondaryInput: SCRATCH, output: 0, action }] }, [], {
    name: '[internal] preparing inline document',
    ranges: [range],
    caps: ['file.base'],
  });
}

/** Copies one source. */
export function copyOf(plan: CopyPlan, source: string, owner: Owner | undefined): CopyAction {
  const { src, include, required } = plan.command.parents ? pivot(source) : { src: source, include: [], required: [] };
  return {
    kind: 'copy',
    src: cleanPath(joinRoot(src)),
    dest: normalizeDest(destOf(plan), true),
    ...(owner && { owner }),
    mode: plan.mode,
    modeStr: plan.modeStr,
    followSymlink: true,
    dirCopyContents: true,
    createDestPath: true,
    allowWildcard: true,
    allowEmptyWildcard: true,
    includePatterns: include,
    excludePatterns: plan.command.excludes,
    requiredPaths: required,
  };
}

/** Copies the file that {@link inlineVertex} made. */
export function copyOfInline(plan: CopyPlan, name: string, owner: Owner | undefined): CopyAction {
  return {
    kind: 'copy',
    src: joinPath('/', cleanPath(name)),
    dest: normalizeDest(destOf(plan), true),
    ...(owner && { owner }),
    mode: plan.mode,
    modeStr: plan.modeStr,
    followSymlink: false,
    dirCopyContents: false,
    createDestPath: true,
    allowWildcard: false,
    allowEmptyWildcard: false,
    includePatterns: [],
    excludePatterns: plan.command.excludes,
    requiredPaths: [],
  };
}

/** --parents: `/./` marks where the kept part of the path starts; a path without wildcards must exist. */
function pivot(source: string): { src: string; include: string[]; required: string[] } {
  const at = source.indexOf('/./');
  const src = at < 0 ? '/' : source.slice(0, at);
  const typed = at < 0 ? source : source.slice(at + 3);
  const pattern = joinRoot(typed);
  const required = hasWildcards(src) || hasWildcards(pattern) ? [] : [joinRoot(joinPath(src, pattern))];
  return { src, include: [pattern.replace(/^\//, '')], required };
}

/** Below `/` unless it is absolute already, which is kept as it is typed (util/system/path.go, NormalizePath). */
function joinRoot(path: string): string {
  if (path === '') return '/';
  return path.startsWith('/') ? path : joinPath('/', path);
}

/** Relative to the working directory, which is /; slashes at the end are kept (pathRelativeToWorkingDir). */
function destOf(plan: CopyPlan): string {
  const dest = plan.dest.text;
  if (dest.startsWith('/')) return dest;
  const typed = dest === '' || dest === '.' ? './' : dest;
  return keepEnding(typed, joinPath('/', typed));
}

function normalizeDest(path: string, keepSlash: boolean): string {
  const clean = joinPath('/', cleanPath(path));
  return keepSlash ? keepEnding(path, clean) : clean;
}

/** A destination that ends in / or /. says that it is a directory. */
function keepEnding(typed: string, clean: string): string {
  if (typed.endsWith('/') && !clean.endsWith('/')) return `${clean}/`;
  if (typed.endsWith('/.')) return clean === '/' ? '/.' : `${clean}/.`;
  return clean;
}
