/** What is said between `wbuild run` and the process in which the program runs. */
import type { Preopen } from './sandbox.js';

/** What to run. */
export interface RunJob {
  /** The file of the module. */
  readonly module: string;
  /** The exported function that is called. */
  readonly start: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly preopens: readonly Preopen[];
  /** Removed if whoever asked for the run is gone. */
  readonly folder: string;
}

/** How it ended. */
export type RunOutcome =
  /** The program ended by itself. */
  | { readonly kind: 'exited'; readonly code: number }
  /** It did what WebAssembly forbids. `frames`: the functions that were being called, innermost first. */
  | { readonly kind: 'trapped'; readonly reason: string; readonly frames: readonly string[] }
  /** It could not be started. */
  | { readonly kind: 'refused'; readonly problem: string; readonly hint: string };
