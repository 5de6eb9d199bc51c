/** A module, run in node:wasi to its end. For a thread of its own: it does not return before the program does. */
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
import { encodeText } from '../util/text.js';
import type { RunJob, RunOutcome } from './messages.js';
import { type Syscalls, sandboxed } from './sandbox.js';
import type { GuestMemory } from './scratch.js';

/** As much as TypeScript's library for Node leaves out: https://webassembly.github.io/spec/js-api/ */
interface WebAssemblyApi {
  readonly Module: (new (
    bytes: Uint8Array,
  ) => object) & {
    imports(module: object): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
  };
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (limits: { readonly initial: number }) => GuestMemory;
  readonly RuntimeError: new () => Error;
  /** From Node 17 on, for modules with exceptions. */
  readonly Exception?: new () => object;
}

const { Module, Instance, Memory, RuntimeError, Exception } = (globalThis as unknown as { WebAssembly: WebAssemblyApi })
  .WebAssembly;

const PREVIEW1 = 'wasi_snapshot_preview1';
const UNSTABLE = 'wasi_unstable';
/** Of a trap so many functions are told. */
const MAX_FRAMES = 10;

/** Runs the program of a job. */
export function runModule({ module: file, start, args, env, preopens }: RunJob): RunOutcome {
  let module: object;
  try {
    module = new Module(readFileSync(encodeText(file)));
  } catch (error) {
    const problem = `it is no module that this Node can run: ${bare(error)}`;
    return {
      kind: 'refused',
      problem,
      hint: 'newer features of WebAssembly need a newer Node, or a runtime of their own',
    };
  }
  const imports = Module.imports(module);
  const version = imports.some((i) => i.module === UNSTABLE) ? 'unstable' : 'preview1';
  const folders = Object.fromEntries(preopens.map(({ guest, folder }) => [guest, folder]));
  const wasi = new WASI({ version, args: [...args], env, preopens: folders, returnOnExit: true });
  let memory: GuestMemory = new Memory({ initial: 0 });
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const calls = sandboxed(wasi.wasiImport as Syscalls, preopens, {
    memory: () => memory,
    sleep: (ms) => Atomics.wait(pause, 0, 0, ms),
  });
  const missing = imports.filter((i) => !(i.module === PREVIEW1 || i.module === UNSTABLE) || !(i.name in calls));
  if (missing.length > 0) {
    const names = missing.slice(0, 5).map((i) => `${i.module} ${i.name}`);
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : '';
    const problem = `it imports what WASI preview 1 does not have: ${names.join(', ')}${more}`;
    return { kind: 'refused', problem, hint: 'run it on the host or the runtime that it was made for' };
  }
  let exports: Readonly<Record<string, unknown>>;
  try {
    exports = new Instance(module, { [PREVIEW1]: calls, [UNSTABLE]: calls }).exports;
  } catch (error) {
    if (error instanceof RuntimeError) return trapped(error);
    const problem = `it cannot be set up: ${bare(error)}`;
    return { kind: 'refused', problem, hint: 'run it on the runtime that it was made for' };
  }
  const main = exports[start];
  if (typeof main !== 'function') {
    const hint = 'a program is built as a command, and a library has none';
    return { kind: 'refused', problem: `it exports no function ${start}`, hint };
  }
  if (exports.memory instanceof (Memory as never as new () => object)) memory = exports.memory as GuestMemory;
  try {
    return { kind: 'exited', code: wasi.start({ exports: { memory, _start: main } }) ?? 0 };
  } catch (error) {
    return trapped(error);
  }
}

/** What an engine says, without its own names. */
function bare(error: unknown): string {
  return String((error as Error).message).replace(/^WebAssembly\.\w+\(\): /, '');
}

/** @throws the error where it is none of the program's */
function trapped(error: unknown): RunOutcome {
  const reason = reasonOf(error);
  if (reason === undefined) throw error;
  const frames = String((error as Error).stack)
    .split('\n')
    .flatMap((line) => {
      const [, name, index] = /^\s*at (?:(.*?) \()?wasm:\/\/\S*?wasm-function\[(\d+)\]/.exec(line) ?? [];
      return index === undefined ? [] : [`${name ? name.replace(/^\S*?\.(?=\S)/, '') : 'function'} [${index}]`];
    });
  return { kind: 'trapped', reason, frames: frames.slice(0, MAX_FRAMES) };
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof RuntimeError) return error.message;
  if (error instanceof RangeError && /call stack/.test(error.message)) return 'its call stack is exhausted';
  return Exception && error instanceof Exception ? 'it threw an exception and did not catch it' : undefined;
}
