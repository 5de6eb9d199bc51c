/** Questions on a terminal. */
import { StringDecoder } from 'node:string_decoder';
import type { CommandIo } from './io.js';

/** Standard input where it is a terminal. */
interface TerminalInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

type PromptIo = Pick<CommandIo, 'stdin' | 'stderr' | 'signal' | 'atExit'>;

/** Whether somebody is there to answer. */
export function canAsk({ stdin }: Pick<CommandIo, 'stdin'>): boolean {
  const { isTTY, setRawMode } = stdin as TerminalInput;
  return isTTY === true && setRawMode !== undefined;
}

const ENTER = /[\r\n]/;
const [INTERRUPT, END, BACKSPACE, DELETE, KILL_LINE] = ['\x03', '\x04', '\b', '\x7f', '\x15'];

/**
 * Asks for a line; what is typed is shown unless it is secret. The terminal is as it was afterwards, whatever happens.
 * @returns undefined when Ctrl-C is typed, or Ctrl-D in an empty line
 * @throws the reason of the signal
 */
export async function ask(
  question: string,
  { secret }: { readonly secret: boolean },
  io: PromptIo,
): Promise<string | undefined> {
  const input = io.stdin as TerminalInput;
  io.stderr.write(question);
  input.setRawMode!(true); // no echo, and a Ctrl-C that is a character like any other
  const restore = () => void input.setRawMode!(false);
  const forget = io.atExit(restore);
  try {
    return await readLine(input, secret ? undefined : io.stderr, io.signal);
  } finally {
    restore();
    forget();
    input.pause();
    io.stderr.write('\n');
  }
}

function readLine(
  input: TerminalInput,
  echo: NodeJS.WritableStream | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const decoder = new StringDecoder('utf8');
    let line: string[] = [];
    const settle = (end: () => void) => {
      input.off('data', take);
      input.off('end', ended);
      signal.removeEventListener('abort', aborted);
      end();
    };
    const take = (chunk: Buffer) => {
      for (const char of decoder.write(chunk)) {
        if (ENTER.test(char)) return settle(() => resolve(line.join('')));
        if (char === INTERRUPT || (char === END && line.length === 0)) return settle(() => resolve(undefined));
        const before = line.length;
        if (char === BACKSPACE || char === DELETE) line = line.slice(0, -1);
        else if (char === KILL_LINE) line = [];
        else if (char >= ' ') line.push(char);
        if (line.length > before) echo?.write(char);
        else echo?.write('\b \b'.repeat(before - line.length));
      }
    };
    const ended = () => settle(() => resolve(undefined));
    const aborted = () => settle(() => reject(signal.reason));
    if (signal.aborted) return reject(signal.reason);
    input.on('data', take);
    input.on('end', ended);
    signal.addEventListener('abort', aborted);
    input.resume();
  });
}
