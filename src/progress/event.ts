import type { CacheMiss } from './cache-miss.js';

/**
 * All that a printer or a report may know of a build. Phases emit events; only the CLI prints.
 * Times are not part of an event: a printer has its own clock, and no clock may come near an output.
 */
export type BuildEvent =
  /** A step begins. `id` is unique in the build; `name` is for people ("[2/3] COPY a /", "[internal] load build context"). */
  | { readonly type: 'step-started'; readonly id: string; readonly name: string }
  /** Bytes done so far, and in all where that is known. */
  | { readonly type: 'step-progress'; readonly id: string; readonly bytes: number; readonly total?: number }
  /** A step ended; `cached` when its result was there already; `miss`, under --explain, says why it was not. */
  | { readonly type: 'step-done'; readonly id: string; readonly cached?: boolean; readonly miss?: CacheMiss }
  | { readonly type: 'step-failed'; readonly id: string; readonly message: string };

export type Emit = (event: BuildEvent) => void;
