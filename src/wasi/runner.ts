/**
 * The process in which `wbuild run` runs a program: the program has a thread to itself, and this one ends it when wbuild is gone. The standard
 * streams are those of wbuild.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { removeTree } from '../util/atomic-write.js';
import type { RunJob, RunOutcome } from './messages.js';

if (isMainThread) process.once('message', (job) => supervise(job as RunJob));
else void run(workerData as RunJob);

function supervise(job: RunJob): void {
  // nobody is left to tidy up, and a thread that waits for input cannot be asked to end
  process.once('disconnect', () => {
    removeTree(job.folder);
    process.kill(process.pid, 'SIGKILL');
  });
  const end = (message: { readonly outcome: RunOutcome } | { readonly error: string }) => {
    process.removeAllListeners('disconnect');
    process.send!(message, () => process.disconnect());
  };
  const thread = new Worker(new URL(import.meta.url), { workerData: job });
  thread.once('message', (outcome: RunOutcome) => end({ outcome }));
  thread.once('error', (error) => end({ error: String(error.stack) }));
}

async function run(job: RunJob): Promise<void> {
  // that node:wasi is experimental is for docs/run.md to say, once; other warnings are shown
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...more: never[]) => {
    if (!/\bWASI\b/.test(String(warning))) emitWarning(warning, ...more);
  }) as typeof emitWarning;
  const { runModule } = await import('./run-module.js');
  parentPort!.postMessage(runModule(job));
}
