/**
 * Why a source of COPY was not found: the most hated message in this field, made useful. It names the source, and either the rule of the
 * ignore file that excludes it, or the nearest name that exists.
 */
import type { Context } from '../context/open-context.js';
import { fail } from '../diagnostic/build-error.js';
import type { SourceRange } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import type { Vertex } from '../llb/op.js';
import { type DirectoryNode, walkTree } from '../snapshot/file-tree.js';
import { lookup, resolvePath, TreeError } from '../snapshot/tree-editor.js';
import { baseName, pathElements } from '../util/go-path.js';
import { contextName } from './ops/source-op.js';

export interface MissingSource {
  /** As the COPY names it, absolute. */
  readonly path: string;
  /** The tree that was to have it, and the vertex that made the tree. */
  readonly tree: DirectoryNode;
  readonly origin: Vertex | undefined;
  readonly range: SourceRange | undefined;
  /** As the Dockerfile has it. */
  readonly typed?: string | undefined;
}

/** Throws `SourceNotFound`, or `CopyIgnoredFile` where an ignore file is the reason. */
export async function explainMissing(missing: MissingSource, contexts: ReadonlyMap<string, Context>): Promise<never> {
  const { path, tree, origin, range, typed = '' } = missing;
  const place = range ? { range } : {};
  const name = path.replace(/^\//, '');
  if (name === '') {
    return fail({
      code: 'SourceNotFound',
      message: `COPY --parents ${typed}: the path has no names that could be kept, so nothing is selected`,
      ...place,
      hint: 'leave --parents out, or say what the folder holds: COPY --parents * /destination/',
    });
  }
  const context = origin?.op.kind === 'source' ? contexts.get(contextName(origin.op)) : undefined;
  const rule = context?.ruleFor(name);
  if (rule) {
    const message = `${name} is there, but ${rule.file}:${rule.line} keeps it out of the build (${rule.pattern})`;
    return fail({ code: 'CopyIgnoredFile', message, ...place, hint: `remove that line, or add !${name} below it` });
  }
  const where = context?.label ?? 'the stage that it is copied from';
  const link = danglingLink(tree, pathElements(path));
  if (link) {
    const message =
      link.path === name
        ? `${name} is a link to ${link.target}, which does not exist in ${where}`
        : `${name} does not exist in ${where}: ${link.path} is a link to ${link.target}`;
    return fail({
      code: 'SourceNotFound',
      message,
      ...place,
      hint: 'links are followed inside the context and nowhere else',
    });
  }
  // the tree is cut down to what COPY names; the suggestion may lie beside it
  const all = context
    ? await context.readTree({ followPaths: [], excludes: context.excludes }).catch(() => tree)
    : tree;
  const near = nearest(all, followed(all, pathElements(path)));
  const sameButCase = near?.toLowerCase() === name.toLowerCase();
  const hint =
    context && leavesRoot(typed)
      ? 'nothing outside of the context is read, and .. stops at its root: name a folder further up as context, or give the other one with --build-context'
      : near === undefined
        ? (context?.emptyHint ?? `there is nothing like it in ${where}`)
        : `did you mean ${near}?${sameButCase ? ' names are case-sensitive' : ''}`;
  return fail({ code: 'SourceNotFound', message: `${name} does not exist in ${where}`, ...place, hint });
}

/** Whether a path has more `..` than names before them. */
function leavesRoot(path: string): boolean {
  let depth = 0;
  for (const name of path.split('/')) {
    if (name === '..') depth--;
    else if (name !== '' && name !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

/** The first element of a path that is a symbolic link to nothing, or to itself. */
function danglingLink(
  tree: DirectoryNode,
  elements: readonly string[],
): { readonly path: string; readonly target: string } | undefined {
  for (let count = 1; count <= elements.length; count++) {
    const path = elements.slice(0, count);
    const node = lookup(tree, path);
    if (node?.type !== 'symlink') continue;
    const end = lookup(tree, followed(tree, path));
    if (end === undefined || end.type === 'symlink') {
      return { path: path.join('/'), target: node.target };
    }
  }
  return undefined;
}

/** A path with its links followed; as it is where they lead in a circle or through a file. */
function followed(tree: DirectoryNode, elements: readonly string[]): readonly string[] {
  try {
    return pathElements(resolvePath(tree, elements.join('/')));
  } catch (error) {
    if (error instanceof TreeError) return elements;
    throw error;
  }
}

/** How many entries are searched for a file of the same name elsewhere. */
const SEARCH_LIMIT = 100_000;

/** The path that was probably meant: element by element the nearest name, or a file of that name somewhere else. */
function nearest(tree: DirectoryNode, elements: readonly string[]): string | undefined {
  const path: string[] = [];
  let directory: DirectoryNode | undefined = tree;
  for (const name of elements) {
    if (!directory) break;
    const names: string[] = [...directory.entries.keys()];
    const found = directory.entries.has(name) ? name : suggest(name, names, { caseInsensitive: true });
    if (found === undefined) break;
    path.push(found);
    const node = directory.entries.get(found);
    directory = node?.type === 'directory' ? node : undefined;
  }
  if (path.length === elements.length) return path.join('/');
  const wanted = baseName(elements.join('/')).toLowerCase();
  let searched = 0;
  for (const [candidate] of walkTree(tree)) {
    if (baseName(candidate).toLowerCase() === wanted) return candidate;
    if (++searched > SEARCH_LIMIT) break;
  }
  return undefined;
}
