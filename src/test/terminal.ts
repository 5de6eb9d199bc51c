/** A program on a terminal of its own (terminal.py). */
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './rig.js';

/** Whether terminals can be had here: by Python. In CI they can, and a test that is skipped has failed. */
export const hasTerminal = !spawnSync('python3', ['--version']).error;

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface TerminalResult {
  /** All that the terminal shows, with its escape sequences. */
  readonly shown: string;
  /** Below zero where a signal ended it. */
  readonly code: number;
}

/** Runs a command, and types; `typed` may hold tabs, line feeds and control characters. */
export async function onTerminal(
  command: readonly string[],
  typed: string,
  { cwd, env }: TerminalOptions,
): Promise<TerminalResult> {
  const escaped = typed.replace(/[^\x20-\x7e]|\\/g, (char) =>
    [...Buffer.from(char)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  const run = promisify(execFile)('python3', [path.join(ROOT, 'src/test/terminal.py'), escaped, ...command], {
    cwd,
    env: { PATH: process.env.PATH, TERM: 'dumb', ...env },
  });
  const { stdout, stderr } = await run;
  return { shown: stdout, code: Number(/exit (-?\d+)\n$/.exec(stderr)![1]) };
}
