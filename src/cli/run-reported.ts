/** What every command that reads a Dockerfile does around its work: progress, diagnostics, standard input, the exit code. */
import type { BuildOptions } from '../build/build-options.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { BuildCommandOptions, BuildInputs } from './args.js';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.js';
import type { CommandIo } from './io.js';
import { createProgressPrinter } from './progress-printer.js';
import { DiagnosticList, environmentError, printDiagnostics } from './report.js';
import { recordInput } from './source-text.js';

/** The options of the command line with streams, signal and listeners added: all that a build needs. */
export type ReportedOptions = BuildOptions & Required<Pick<BuildOptions, 'stdout' | 'emit' | 'report' | 'signal'>>;

/**
 * Runs `work` with progress shown, and prints each diagnostic that it reports or throws once, after the progress.
 * What `work` returns is called last, for the result to stand below everything else.
 * @returns the exit code: that of a BuildError that `work` threw, or 0
 * @throws what is no BuildError (a bug), and whatever is thrown once `io.signal` is aborted
 */
export async function runReported(
  options: BuildCommandOptions,
  io: CommandIo,
  work: (build: ReportedOptions) => Promise<() => void>,
): Promise<ExitCode> {
  const diagnostics = new DiagnosticList();
  for (const note of options.notes ?? []) diagnostics.add(note);
  const input = readsStdin(options.build) ? recordInput(io.stdin) : undefined;
  const printer = createProgressPrinter({ mode: options.progress, io });
  const source = { ...options.build, ...(input && { stdin: input.bytes }) };
  let started = false;
  /** An empty line parts the progress from what follows it. */
  const gap = () => {
    if (started && isTalkative(options)) io.stderr.write('\n');
  };
  try {
    const finish = await work({
      ...options.build,
      ...(input && { stdin: input.stream }),
      stdout: io.stdout,
      emit: (event) => {
        started = true;
        printer.emit(event);
      },
      report: (diagnostic) => diagnostics.add(diagnostic),
      signal: io.signal,
    });
    printer.close(false);
    print(options, diagnostics, { io, source, gap });
    gap();
    finish();
    return EXIT.done;
  } catch (error) {
    printer.close(true);
    const known = environmentError(error) ?? error;
    if (io.signal.aborted || !diagnostics.addError(known)) throw error;
    print(options, diagnostics, { io, source, gap });
    return exitCodeOf(known);
  } finally {
    input?.close();
  }
}

/** Whether standard error is for people, and not silent or for a program. */
export function isTalkative({ progress }: BuildCommandOptions): boolean {
  return progress !== 'quiet' && progress !== 'rawjson';
}

type Printing = { readonly io: CommandIo; readonly source: BuildInputs; readonly gap: () => void };

function print(options: BuildCommandOptions, diagnostics: DiagnosticList, { io, source, gap }: Printing): void {
  // whoever reads raw JSON reads line by line, and -q asks for silence unless something is wrong
  const format = options.progress === 'rawjson' ? 'json' : options.diagnostics;
  const all = diagnostics.list().filter((d) => !options.quiet || format === 'json' || d.severity === 'error');
  const counted = format === 'text' ? all.filter(isLint) : [];
  const list = all.filter((d) => !counted.includes(d));
  if (all.length > 0) gap();
  printDiagnostics(list, { format, io, source });
  if (counted.length > 0)
    io.stderr.write(`${counted.length} warning${counted.length > 1 ? 's' : ''}: run wbuild check\n`);
}

/**
 * A warning about the Dockerfile's text: a build counts those, and leaves the telling to `wbuild check`. That other tools read the file in
 * another way comes with its errors alone, and may explain them.
 */
function isLint({ code, severity, range }: Diagnostic): boolean {
  return severity === 'warning' && range !== undefined && code !== 'AmbiguousDockerfile';
}

export function readsStdin({ context, file, buildContexts }: BuildInputs): boolean {
  return [context, file, ...Object.values(buildContexts ?? {})].includes('-');
}
