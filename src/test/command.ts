/** A command line run within this process, with streams and environment of its own: as the built program, without starting one. */
import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { main } from '../cli/main.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** The working directory; that of the test run comes back afterwards. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

/** Runs `wbuild ...argv`. Not side by side: a process has one working directory. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const sink = (chunks: Buffer[]) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(Buffer.from(chunk));
        done();
      },
    });
  const io = Object.assign(new EventEmitter(), {
    stdin: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input as Uint8Array)]),
    stdout: sink(out),
    stderr: sink(err),
    env: options.env,
    version: 'v20.0.0',
    platform: 'linux',
    arch: 'x64',
    exit: (code: number) => {
      throw new Error(`exit(${code}) was called`);
    },
  });
  const before = process.cwd();
  process.chdir(options.cwd);
  try {
    const code = await main(argv, io);
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  } finally {
    process.chdir(before);
  }
}
