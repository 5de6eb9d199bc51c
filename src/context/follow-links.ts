/**
 * The paths that the sources of COPY reach: the sources themselves, and what the links on their way point at.
 * @see moby/buildkit vendor/github.com/tonistiigi/fsutil/followlinks.go
 */
import { Glob, PatternError } from '../snapshot/glob.js';
import { baseName, cleanPath, hasWildcards, joinPath } from '../util/go-path.js';
import { compareBytes } from '../util/text.js';

/** What follow-links needs to know of a folder; paths are `a/b`. */
export interface LinkReader {
  /** The target of a link; undefined for anything else, or nothing. */
  readlink(path: string): string | undefined;
  /** The names in a folder; undefined when it is none. */
  list(path: string): readonly string[] | undefined;
}

/** Sorted, without paths that lie below another; undefined when everything is reached. */
export function followLinks(reader: LinkReader, paths: readonly string[]): string[] | undefined {
  const resolved = new Set<string>();
  for (const path of paths) follow(reader, path, resolved);
  const out: string[] = [];
  for (const path of [...resolved].sort(compareBytes)) {
    if (path === '.') return undefined;
    const last = out.at(-1);
    if (last === undefined || !path.startsWith(`${last}/`)) out.push(path);
  }
  return out;
}

function follow(reader: LinkReader, path: string, resolved: Set<string>): void {
  const parts = cleanPath(joinPath('.', path)).split('/');
  let current = '.';
  for (const [i, part] of parts.entries()) {
    current = joinPath(current, part);
    const rest = parts.slice(i + 1).join('/');
    const targets = targetsOf(reader, current, true);
    if (targets.length === 0 && rest !== '') continue;
    if (resolved.has(current)) return;
    resolved.add(current);
    for (const target of targets) follow(reader, joinPath(target, rest), resolved);
    return;
  }
}

function targetsOf(reader: LinkReader, path: string, wildcards: boolean): string[] {
  const name = baseName(path);
  const folder = joinPath('.', path.slice(0, Math.max(0, path.lastIndexOf('/'))) || '.');
  if (wildcards && hasWildcards(name)) {
    const glob = tryGlob(name);
    const names = (glob && reader.list(folder)) ?? [];
    return [...names]
      .sort(compareBytes)
      .flatMap((n) => (glob!.match(n) ? targetsOf(reader, joinPath(folder, n), false) : []));
  }
  if (path === '.') return [];
  const target = reader.readlink(path);
  if (target === undefined) return [];
  const link = cleanPath(target);
  return [link.startsWith('/') ? joinPath('.', link.slice(1) || '.') : joinPath('/', folder, link).slice(1) || '.'];
}

function tryGlob(pattern: string): Glob | undefined {
  try {
    return new Glob(pattern);
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}
