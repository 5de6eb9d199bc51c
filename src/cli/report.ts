/** Diagnostics → standard error, as text or JSON: the one place that decides how. */
import { BuildError, describeErrno, errnoOf } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { printable } from '../diagnostic/display.js';
import { formatDiagnostic, formatDiagnosticsJson } from '../diagnostic/format.js';
import type { DiagnosticsFormat } from './args.js';
import { type CommandIo, type Env, wantsColor } from './io.js';
import { readSource, type SourceOptions } from './source-text.js';

export interface ReportOptions {
  readonly format: DiagnosticsFormat;
  readonly io: Pick<CommandIo, 'stderr' | 'env'>;
  /** Where to find the lines that diagnostics point at; none are shown without it. */
  readonly source?: SourceOptions;
}

/** Prints diagnostics in their order: as frames with an empty line between them, or as one line of JSON, which is there even when there are none. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], { format, io, source }: ReportOptions): void {
  if (format === 'json') {
    io.stderr.write(`${formatDiagnosticsJson(diagnostics)}\n`);
    return;
  }
  const color = wantsColor(io.stderr, io.env);
  const width = io.stderr.columns ? Math.max(20, io.stderr.columns - 10) : 100;
  const texts = new Map<string, readonly string[] | undefined>();
  const textOf = (file: string, from: SourceOptions) => {
    if (!texts.has(file)) texts.set(file, readSource(file, from));
    return texts.get(file);
  };
  const frames = diagnostics.map((diagnostic) => {
    const text = source && diagnostic.range && textOf(diagnostic.range.file, source);
    return `${formatDiagnostic(diagnostic, { color, width, ...(text && { text }) })}\n`;
  });
  if (frames.length > 0) io.stderr.write(frames.join('\n'));
}

/** Collects diagnostics from all the ways they come (reported, thrown, returned), each of them once. */
export class DiagnosticList {
  readonly #seen = new Map<string, Diagnostic>();

  add(diagnostic: Diagnostic): void {
    const key = JSON.stringify([diagnostic.code, diagnostic.message, diagnostic.range]);
    if (!this.#seen.has(key)) this.#seen.set(key, diagnostic);
  }

  /** @returns whether the error was one that a user can cause, and so carried diagnostics. */
  addError(error: unknown): error is BuildError {
    if (!(error instanceof BuildError)) return false;
    for (const diagnostic of error.diagnostics) this.add(diagnostic);
    return true;
  }

  /** Warnings first, so that the error is what is left on the screen. */
  list(): Diagnostic[] {
    const all = [...this.#seen.values()];
    return [...all.filter((d) => d.severity === 'warning'), ...all.filter((d) => d.severity === 'error')];
  }
}

/** What the machine may run out of at any moment, in any line of the program. */
const ENVIRONMENT = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'EPIPE'];

/** A system error that tells of the machine and not of wbuild, as a failed build; undefined for any other error. */
export function environmentError(error: unknown): BuildError | undefined {
  const errno = errnoOf(error);
  if (errno === undefined || !ENVIRONMENT.includes(errno)) return undefined;
  const { path } = error as NodeJS.ErrnoException;
  const message = `${path ? `${path}: ` : ''}${describeErrno(error)}`;
  const full = errno === 'ENOSPC' || errno === 'EDQUOT';
  const hint = full && { hint: 'free some space; TMPDIR says where temporary files go' };
  return new BuildError({ code: 'OutputNotWritable', severity: 'error', message, ...hint }, { cause: error });
}

export interface BugReportOptions {
  readonly env: Env;
  /** The versions of wbuild and of Node. */
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
}

/** What is printed for an error that no user can cause. The stack is for those who ask for it: WBUILD_DEBUG=1. */
export function bugReport(error: unknown, { env, version, node, platform, arch }: BugReportOptions): string {
  const debug = env.WBUILD_DEBUG === '1';
  const text = error instanceof Error ? (debug && error.stack) || `${error.name}: ${error.message}` : String(error);
  return [
    `wbuild: ${text.split('\n').map(printable).join('\n')}`,
    `This is a bug in wbuild ${version} (Node ${node}, ${platform} ${arch}). Please report it with the text above.`,
    debug ? '' : 'WBUILD_DEBUG=1 adds where in the program it happened.\n',
  ].join('\n');
}
