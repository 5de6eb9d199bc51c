/** The process of a program (runner.ts), as seen by wbuild. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { registerTemporary } from '../util/atomic-write.js';
import type { RunJob, RunOutcome } from './messages.js';

/** The runner beside this file, beside the bundle, or (in tests) in what was built. */
const PLACES = ['./runner.js', './wasi-runner.cjs', '../../dist/wasi/runner.js'];

export interface ProcessOptions {
  /** The Node that runs it. */
  readonly execPath: string;
  /** The environment of that Node; the program sees nothing of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Runs a job on the standard streams of this process.
 * @returns how it ended; a program that a signal ended has 128 and its number as exit code, as in shells
 * @throws the reason of `signal`; Error when the runner fails
 */
export async function runJob(job: RunJob, { execPath, env, signal }: ProcessOptions): Promise<RunOutcome> {
  const file = PLACES.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(url));
  if (!file) throw new Error('the part of wbuild that runs programs is missing');
  const child = spawn(execPath, [fileURLToPath(file)], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // a program cannot be asked to stop, nor can one that waits for input
  const kill = () => void child.kill('SIGKILL');
  const forget = registerTemporary(`process ${child.pid}`, kill);
  signal.addEventListener('abort', kill);
  try {
    const outcome = await ending(child, job);
    signal.throwIfAborted();
    return outcome;
  } finally {
    signal.removeEventListener('abort', kill);
    forget();
  }
}

function ending(child: ChildProcess, job: RunJob): Promise<RunOutcome> {
  return new Promise((resolve, reject) => {
    let said: { readonly outcome?: RunOutcome; readonly error?: string } | undefined;
    child.on('message', (message) => {
      said = message as typeof said;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (said?.outcome) return resolve(said.outcome);
      if (signal !== null) return resolve({ kind: 'exited', code: 128 + constants.signals[signal] });
      reject(
        new Error(`the process of the program ended with exit code ${code}: ${said?.error ?? 'it did not say why'}`),
      );
    });
    child.send(job, (error) => error && reject(error));
  });
}
