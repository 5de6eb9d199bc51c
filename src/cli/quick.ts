/** Command lines that need nothing but a text, answered without loading the rest of the program; and what holds for every answer. */
import { helpText } from './commands/help.js';
import { versionText } from './commands/version.js';
import type { OutputStream } from './io.js';

interface Streams {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/** Answers `--version` and `--help` in their plain forms. @returns the exit code; undefined when the command line is something else */
export async function quick(argv: readonly string[], io: Streams): Promise<number | undefined> {
  const text = quickAnswer(argv);
  if (text === undefined) return undefined;
  const broken = watchStreams(io);
  io.stdout.write(text);
  return finish(io, 0, broken);
}

function quickAnswer([word, ...more]: readonly string[]): string | undefined {
  if (more.length > 0) return undefined;
  if (word === '--version' || word === 'version') return versionText();
  if (word === '--help' || word === '-h' || word === 'help') return helpText('wbuild');
  return undefined;
}

/**
 * Listens for write errors, which would end the process with a stack trace otherwise. `wbuild --help | head -1` closes the pipe early,
 * which is no error; an archive cut short like that is one, which its exporter reports.
 */
export function watchStreams({ stdout, stderr }: Streams): () => Error | undefined {
  let broken: Error | undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') broken ??= error;
  });
  stderr.on('error', () => {}); // there is nowhere left to say it
  return () => broken;
}

/** Waits until standard output has taken everything, and turns a full disk behind `>` into a failure. */
export async function finish(io: Streams, code: number, broken: () => Error | undefined): Promise<number> {
  if (!io.stdout.writableEnded) await new Promise<void>((resolve) => io.stdout.write('', () => resolve()));
  const error = broken();
  if (error === undefined || code !== 0) return code;
  const { describeErrno } = await import('../diagnostic/build-error.js');
  io.stderr.write(`wbuild: standard output cannot be written: ${describeErrno(error)}\n`);
  return 1;
}
