/** The world as commands see it. main.ts makes it of `process`; tests make their own. */

export type Env = Readonly<Record<string, string | undefined>>;

/** Standard output or error: a stream that may be a terminal. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly writableEnded?: boolean;
}

export interface CommandIo {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Env;
  /** The Node that runs, for a second process of it. */
  readonly execPath?: string;
  /** Aborted by Ctrl-C, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Runs `restore` if the process ends before the returned function was called: a hidden cursor must not outlive us. */
  readonly atExit: (restore: () => void) => () => void;
}

/**
 * Whether to colour what goes to a stream: FORCE_COLOR (unless 0 or false) wins over NO_COLOR, as in Node, and both over CLICOLOR_FORCE and
 * CLICOLOR=0; else a terminal that is not dumb.
 * @see https://no-color.org, https://force-color.org, https://bixense.com/clicolors/
 */
export function wantsColor(stream: OutputStream, env: Env): boolean {
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (env.NO_COLOR) return false;
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== '0') return true;
  if (env.CLICOLOR === '0') return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}
