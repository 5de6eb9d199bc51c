import { BuildError } from '../diagnostic/build-error.js';
import type { DiagnosticCode } from '../diagnostic/codes.js';

/** What the exit code of wbuild says. A promise to scripts: add, never renumber. */
export const EXIT = {
  done: 0,
  /** The Dockerfile, the context, the disk. */
  failed: 1,
  /** The command line. */
  usage: 2,
  /** A check did not hold: `wbuild check` found errors. */
  notHeld: 3,
  /** A bug in wbuild (EX_SOFTWARE of sysexits.h). */
  bug: 70,
  /** `wbuild run` could not start the program: what docker run says then, since 1 is the program's to say. */
  notStarted: 125,
  /** The program of `wbuild run` trapped: 128 and SIGABRT, as with wasmtime. */
  trapped: 134,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes that speak of an option's value. The same codes with a range speak of a line in a file, which is no wrong usage. */
const USAGE: readonly DiagnosticCode[] = [
  'Usage',
  'InvalidAnnotation',
  'InvalidOutput',
  'InvalidReference',
  'InvalidEpoch',
  'InvalidPlatform',
];

/** The exit code for what was thrown: anything but a BuildError is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof BuildError)) return EXIT.bug;
  const errors = error.diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  const isUsage = errors.length > 0 && errors.every(({ code, range }) => range === undefined && USAGE.includes(code));
  return isUsage ? EXIT.usage : EXIT.failed;
}

/** 128 and the number of the signal, as shells report it; 130 for anything else that interrupts. */
export function exitCodeOfSignal(signal: unknown): ExitCode {
  if (signal === 'SIGTERM') return EXIT.terminated;
  return signal === 'SIGHUP' ? EXIT.hungUp : EXIT.interrupted;
}
