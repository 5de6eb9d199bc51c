/** Runs a WASI module in a Node of its own, since node:wasi writes to the file descriptors of its process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('../../scripts/run-wasi.mjs', import.meta.url));

/** What the module prints on standard output. @throws Error when it fails. */
export function runWasi(module: Uint8Array): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', RUNNER], { input: module });
  if (status !== 0) throw new Error(`the module failed (${status}): ${stderr}`);
  return String(stdout);
}
