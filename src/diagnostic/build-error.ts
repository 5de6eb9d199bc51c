import type { Diagnostic } from './diagnostic.js';

/** The one error that a user can cause: it carries what there is to say. Anything else that is thrown is a bug in wbuild. */
export class BuildError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: Diagnostic | readonly Diagnostic[], options?: { readonly cause?: unknown }) {
    const list = 'code' in diagnostics ? [diagnostics] : diagnostics;
    super(list.map((d) => d.message).join('\n'), options);
    this.name = 'BuildError';
    this.diagnostics = list;
  }
}

/** Throws one error-severity diagnostic. */
export function fail(diagnostic: Omit<Diagnostic, 'severity'>, cause?: unknown): never {
  throw new BuildError({ severity: 'error', ...diagnostic }, { cause });
}

/** The `code` of a Node system error (`ENOENT` …), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** What a system error means, in words that a user can act on. */
export function describeErrno(error: unknown): string {
  const code = errnoOf(error);
  const { message } = (error ?? {}) as { message?: unknown };
  return (code && ERRNO[code]) ?? (typeof message === 'string' ? message : String(error));
}

const ERRNO: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EPIPE: 'the reader closed the pipe',
};
