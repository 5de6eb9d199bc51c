/** A context as typed on the command line → something that gives its files. */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { printable } from '../diagnostic/display.js';
import { suggest } from '../diagnostic/suggest.js';
import type { DirectoryNode } from '../snapshot/file-tree.js';
import { PatternError } from '../snapshot/glob.js';
import { PatternSet } from '../snapshot/patterns.js';
import { lookup } from '../snapshot/tree-editor.js';
import { pathElements } from '../util/go-path.js';
import { decodeText } from '../util/text.js';
import { type IgnoreFile, parseIgnoreFile } from './ignore.js';
import { readLocalTree, type TreeFilter } from './local-context.js';

/** A context that is open. */
export interface Context {
  /** "the build context", for messages. */
  readonly label: string;
  /** The patterns of its ignore file. */
  readonly excludes: readonly string[];
  /** What to do where there are no files at all. */
  readonly emptyHint?: string;
  /** What is wrong with its ignore file. */
  readonly errors?: readonly Diagnostic[];
  readTree(filter: TreeFilter): Promise<DirectoryNode>;
  /** The line of an ignore file that excludes a file which is there. */
  ruleFor(path: string): { readonly file: string; readonly line: number; readonly pattern: string } | undefined;
}

/** The real path of a folder. @throws BuildError `ContextNotFound` */
export function resolveFolder(path: string, label: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    const missing = errnoOf(error) === 'ENOENT';
    const why = missing ? 'does not exist' : `cannot be read: ${describeErrno(error)}`;
    const near = missing ? nearName(path) : undefined;
    const hint = near ? `did you mean ${near}?` : 'a context is a folder, or - for a tar on standard input';
    fail({ code: 'ContextNotFound', message: `${label} ${printable(path)} ${why}`, hint }, error);
  }
  return fail({
    code: 'ContextNotFound',
    message: `${label} ${printable(path)} is not a folder`,
    hint: fileHint(path),
  });
}

/** What a file was probably meant for. */
function fileHint(path: string): string {
  const name = basename(path);
  if (/\.(?:tar(?:\.\w+)?|tgz)$/.test(name)) return 'an archive comes on standard input: wbuild - < FILE';
  if (isDockerfileName(name))
    return `name the folder of the context, and the Dockerfile with -f: wbuild -f ${printable(path)} ${printable(dirname(path))}`;
  return 'name the folder that it is in, and COPY the file';
}

/** Whether a file is a Dockerfile by its name, in any of the ways that are about. */
export function isDockerfileName(name: string): boolean {
  return (
    /^(?:dockerfile|containerfile)(?:\.[\w.-]+)?$|\.(?:dockerfile|containerfile)$/i.test(name) && !/ignore$/.test(name)
  );
}

/** The path with its last name replaced by one that is there and looks like it. */
export function nearName(path: string): string | undefined {
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch {
    return undefined;
  }
  const near = suggest(basename(path), names, { caseInsensitive: true });
  return near === undefined ? undefined : join(dirname(path), near);
}

/** A folder as a context. `skip`: absolute paths that are never part of it. */
export function openFolder(
  root: string,
  label: string,
  ignore: IgnoreFile | undefined,
  skip: ReadonlySet<string>,
): Context {
  return {
    label,
    excludes: ignore?.patterns ?? [],
    ...(ignore && { errors: ignore.errors }),
    readTree: async (filter) => readLocalTree(root, filter, skip),
    ruleFor: (path) => ruleFor(ignore, path, () => readLocalTree(root, { followPaths: [path], excludes: [] }, skip)),
  };
}

/** A tree that is in memory as a context; BuildKit applies no ignore file to archives. */
export function openTree(tree: DirectoryNode, label: string): Context {
  return { label, excludes: [], readTree: async () => tree, ruleFor: () => undefined };
}

function ruleFor(
  ignore: IgnoreFile | undefined,
  path: string,
  tree: () => DirectoryNode,
): ReturnType<Context['ruleFor']> {
  if (!ignore || ignore.patterns.length === 0) return undefined;
  const patterns = new PatternSet(ignore.patterns);
  if (!patterns.match(path).matched || !isThere(path, tree)) return undefined;
  const deciding = patterns.deciding(path);
  if (!deciding) return undefined;
  return { file: ignore.file, line: ignore.lines[deciding.index]!, pattern: ignore.patterns[deciding.index]! };
}

/** Whether a path leads somewhere; one that cannot be understood as a pattern, which BuildKit takes it for, does not. */
function isThere(path: string, tree: () => DirectoryNode): boolean {
  try {
    return lookup(tree(), pathElements(path)) !== undefined;
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}

/** An ignore file, if it is there; one that cannot be read counts as absent, as in BuildKit. */
export function readIgnoreFile(path: string, name: string): IgnoreFile | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(path));
  } catch {
    return undefined;
  }
  return parseIgnoreFile(decodeText(bytes), name);
}
