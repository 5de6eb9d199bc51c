/**
 * argv → command → exit code. The only file that knows of `process`, which the launcher (bin/wbuild.js) hands in.
 * Start-up is part of the product: whatever --version and --help do not need is imported when it is needed.
 */
import type { BuildCommandOptions, Command } from './args.js';
import type { ExitCode } from './exit-code.js';
import type { CommandIo, Env, OutputStream } from './io.js';
import { finish, quick, watchStreams } from './quick.js';
import type { Interrupts } from './signals.js';

/** What is used of `process`. */
export interface ProcessLike {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Env;
  readonly version: string;
  readonly platform: string;
  readonly arch: string;
  readonly execPath?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what listeners take depends on the event, as with any EventEmitter
  on(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: string, listener: (...args: any[]) => void): unknown;
  exit(code: number): unknown;
}

/**
 * Runs a command line (without `node wbuild`).
 * @returns the exit code, for the caller to set. The process is ended from within only where something may still be running in it: after a
 * signal, and after an error that nobody caught.
 */
export async function main(argv: readonly string[], io: ProcessLike): Promise<number> {
  const broken = watchStreams(io);
  return (await quick(argv, io)) ?? finish(io, await run(argv, io), broken);
}

/** Everything else: with signals watched, and with whatever must be undone undone at the end, however it comes. */
async function run(argv: readonly string[], io: ProcessLike): Promise<number> {
  const [{ EXIT }, { watchSignals }, { cleanUpTemporaries }] = await Promise.all([
    import('./exit-code.js'),
    import('./signals.js'),
    import('../util/atomic-write.js'),
  ]);
  const restores = new Set<() => void>([cleanUpTemporaries]);
  const restoreAll = () => {
    for (const restore of [...restores].reverse()) restore();
  };
  const exitNow = (code: ExitCode) => {
    restoreAll();
    io.exit(code);
  };
  const interrupts = watchSignals(io, exitNow);
  const uncaught = (error: unknown) => {
    restoreAll();
    void failed(error, io, argv).then(
      (code) => io.exit(code),
      () => io.exit(EXIT.bug),
    );
  };
  io.on('uncaughtException', uncaught);
  io.on('unhandledRejection', uncaught);
  try {
    return await interrupts.race(dispatch(argv, commandIo(io, interrupts, restores), io));
  } catch (error) {
    const code = interrupts.code();
    if (code === undefined) return await failed(error, io, argv);
    io.stderr.write('\nwbuild: interrupted\n');
    exitNow(code);
    return code;
  } finally {
    restoreAll();
    interrupts.dispose();
    io.off('uncaughtException', uncaught);
    io.off('unhandledRejection', uncaught);
  }
}

async function dispatch(argv: readonly string[], io: CommandIo, runtime: ProcessLike): Promise<number> {
  const { parseArgs } = await import('./args.js');
  const command: Command = parseArgs(argv, io.env);
  switch (command.kind) {
    case 'help':
      io.stdout.write((await import('./commands/help.js')).helpText(command.topic));
      return 0;
    case 'version':
      if (command.json) io.stdout.write((await import('./commands/version-json.js')).versionJson(runtime));
      else io.stdout.write((await import('./commands/version.js')).versionText());
      return 0;
    case 'completion':
      io.stdout.write((await import('./commands/completion.js')).completionScript(command.shell));
      return 0;
    case 'build':
      return (await import('./commands/build.js')).runBuild(await timed(command.options, io), io);
    case 'check':
      return (await import('./commands/check.js')).runCheck(await timed(command.options, io), io);
    case 'llb':
      return (await import('./commands/llb.js')).runLlb(await timed(command.options, io), io);
    case 'compare':
      if (command.options.verb === 'diff') return (await import('./commands/diff.js')).runDiff(command.options, io);
      return (await import('./commands/inspect.js')).runInspect(command.options, io);
    case 'verify':
      return (await import('./commands/verify.js')).runVerify(await timed(command.options, io), io);
    case 'registry':
      return (await import('./commands/registry.js')).runRegistry(command.options, io);
    case 'run':
      return (await import('./commands/run.js')).runRun(command.options, io);
    case 'store':
      return (await import('./commands/store.js')).runStore(command.options, io);
    case 'builder':
      return (await import('./commands/builder.js')).runBuilder(command.options, io);
    default:
      return (await import('../util/unreachable.js')).unreachable(command);
  }
}

/** Git and the clock are asked only where --timestamp says so. */
async function timed<T extends BuildCommandOptions>(options: T, io: CommandIo): Promise<T> {
  return options.timestamp === undefined ? options : (await import('./timestamp.js')).withTimestamp(options, io);
}

/** `stdin` is touched by whoever reads it alone: Node opens it at the first touch. */
function commandIo(io: ProcessLike, { signal }: Interrupts, restores: Set<() => void>): CommandIo {
  return {
    get stdin() {
      return io.stdin;
    },
    stdout: io.stdout,
    stderr: io.stderr,
    env: io.env,
    ...(io.execPath !== undefined && { execPath: io.execPath }),
    signal,
    atExit: (restore) => {
      restores.add(restore);
      return () => restores.delete(restore);
    },
  };
}

/** Says what went wrong, and gives its exit code. */
async function failed(error: unknown, io: ProcessLike, argv: readonly string[]): Promise<ExitCode> {
  const [{ exitCodeOf }, report] = await Promise.all([import('./exit-code.js'), import('./report.js')]);
  const known = report.environmentError(error) ?? error;
  const code = exitCodeOf(known);
  const list = new report.DiagnosticList();
  if (list.addError(known)) {
    const { wantsJsonDiagnostics } = await import('./args.js');
    report.printDiagnostics(list.list(), { format: wantsJsonDiagnostics(argv) ? 'json' : 'text', io });
  } else {
    const { readVersion } = await import('./commands/version.js');
    io.stderr.write(report.bugReport(error, { ...io, version: readVersion(), node: io.version }));
  }
  return code;
}
