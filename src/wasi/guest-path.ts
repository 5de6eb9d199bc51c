/**
 * The paths of a program → places below a folder that it was given, every symbolic link on the way followed by us: node:wasi follows them where
 * the machine does, and would so leave the folder. What is looked at cannot change before it is used, since the program waits meanwhile.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { ERRNO, errnoOfSystem } from './errno.js';

/** A folder that a program was given. */
export interface Base {
  /** Real, and absolute. Names are bytes, carried as latin1. */
  readonly folder: string;
  /** Links with absolute targets, and `..` past the top, lead to the top, as in a container; elsewhere they are refused, as in other runtimes. */
  readonly isRoot: boolean;
}

export interface Resolved {
  /** From the base down; none of it but the last is a link. */
  readonly path: readonly string[];
  /** Whether another path than the given one has to be used: a link or `..` was on the way. */
  readonly changed: boolean;
  /** A slash at the end says that only a folder will do. */
  readonly slash: boolean;
}

/** As many as Linux follows. */
const MAX_LINKS = 40;

export interface ResolveOptions {
  readonly base: Base;
  /** Where the path begins: the folder that the program opened. */
  readonly from: readonly string[];
  /** As the program gave it, as latin1. */
  readonly path: string;
  /** Whether a link at the end is followed. */
  readonly followLast: boolean;
}

/** Follows a path. @returns the error number of WASI where it leads nowhere, or outside */
export function resolveGuestPath({ base, from, path, followLast }: ResolveOptions): Resolved | number {
  if (path.startsWith('/')) return ERRNO.notcapable;
  const slash = /\/\.?$/.test(path);
  const rest = partsOf(path);
  let done = [...from];
  let links = 0;
  let changed = false;
  let missing = false;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') {
      changed = true;
      if (missing) return ERRNO.noent;
      // the program's own .. stays in the folder that it opened
      if (links === 0 && done.length <= from.length) return ERRNO.notcapable;
      if (done.length === 0 && !base.isRoot) return ERRNO.notcapable;
      done = done.slice(0, -1);
      continue;
    }
    const target: string | number | undefined =
      missing || (rest.length === 0 && !followLast && !slash) ? undefined : linkTarget(base, [...done, name]);
    if (typeof target === 'number' && target !== ERRNO.noent) return target;
    if (typeof target === 'string') {
      if (++links > MAX_LINKS) return ERRNO.loop;
      if (target.startsWith('/') && !base.isRoot) return ERRNO.notcapable;
      if (target.startsWith('/')) done = [];
      rest.unshift(...partsOf(target));
      changed = true;
      continue;
    }
    missing ||= target === ERRNO.noent;
    done.push(name);
  }
  return { path: done, changed, slash };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** The target of a link; undefined for what is no link; else an error number. */
function linkTarget({ folder }: Base, path: readonly string[]): string | number | undefined {
  const file = Buffer.from([folder, ...path].join('/'), 'latin1');
  try {
    return lstatSync(file).isSymbolicLink() ? readlinkSync(file, 'latin1') : undefined;
  } catch (error) {
    return errnoOfSystem(error);
  }
}
