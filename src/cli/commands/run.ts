/** `wbuild run`: the program of an image. */

import { Registries } from '../../build/images/pulled-image.js';
import { pickRunnable, runImage } from '../../build/images/run-image.js';
import { openImages } from '../../compare/open-image.js';
import { BuildError } from '../../diagnostic/build-error.js';
import { EXIT, exitCodeOf } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { environmentError, printDiagnostics } from '../report.js';
import type { RunCommand } from '../run-args.js';

/**
 * Runs it on our standard streams.
 * @returns the exit code of the program; 125 where it could not be started, as with docker run
 */
export async function runRun(command: RunCommand, io: CommandIo): Promise<number> {
  try {
    return await run(command, io);
  } catch (error) {
    const known = environmentError(error) ?? error;
    if (!(known instanceof BuildError) || io.signal.aborted) throw error;
    printDiagnostics(known.diagnostics, { format: 'text', io });
    const code = exitCodeOf(known);
    return code === EXIT.failed ? EXIT.notStarted : code;
  }
}

async function run(command: RunCommand, io: CommandIo): Promise<number> {
  const { image: reference, args, env, folders, writable } = command;
  const registries = new Registries({ ...command, env: io.env, signal: io.signal });
  try {
    const opened = await openImages(reference, { ...command, elsewhere: registries.find });
    try {
      const outcome = await runImage(pickRunnable(opened.images), {
        label: reference,
        args,
        programEnv: env,
        folders,
        writable,
        execPath: io.execPath!,
        env: io.env,
        signal: io.signal,
      });
      if (outcome.kind === 'exited') return outcome.code % 256; // as much as a process can say
      const where = outcome.frames.map((frame) => `\n  in ${frame}`).join('');
      const message = `the program was ended: ${outcome.reason}${where}`;
      printDiagnostics([{ code: 'ProgramTrapped', severity: 'error', message }], { format: 'text', io });
      return EXIT.trapped;
    } finally {
      await opened.close();
    }
  } finally {
    registries.close();
  }
}
