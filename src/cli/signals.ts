/** Ctrl-C and its kin → an abort signal, and at the second one the end. */
import { type ExitCode, exitCodeOfSignal } from './exit-code.js';

/** What interrupts: the terminal's Ctrl-C, the polite end that init systems and CI ask for, and a terminal that goes away. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type SignalName = (typeof SIGNALS)[number];

/** Milliseconds that work has for stopping by itself. Docker and Kubernetes send SIGKILL 10 s or more after SIGTERM. */
const GRACE = 3000;

export interface SignalSource {
  on(event: SignalName, listener: () => void): unknown;
  off(event: SignalName, listener: () => void): unknown;
}

export interface Interrupts {
  readonly signal: AbortSignal;
  /** The exit code of the signal that came, if one did. */
  readonly code: () => ExitCode | undefined;
  /** Settles as `work` does, or is rejected when `work` has not stopped a while after the signal. */
  race<T>(work: Promise<T>): Promise<T>;
  dispose(): void;
}

/** Listens for signals. `exitNow` is called for the second one, when the user has lost patience; it does not return. */
export function watchSignals(source: SignalSource, exitNow: (code: ExitCode) => void): Interrupts {
  const controller = new AbortController();
  let code: ExitCode | undefined;
  let timer: NodeJS.Timeout | undefined;
  let giveUp: (reason: unknown) => void = () => {};
  const gaveUp = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  gaveUp.catch(() => {}); // nobody may be waiting

  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (code !== undefined) return exitNow(code);
      code = exitCodeOfSignal(name);
      const reason = new DOMException(`interrupted by ${name}`, 'AbortError');
      timer = setTimeout(() => giveUp(reason), GRACE);
      controller.abort(reason);
    };
    source.on(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    code: () => code,
    race: (work) => Promise.race([work, gaveUp]),
    dispose: () => {
      clearTimeout(timer);
      for (const { name, listener } of listeners) source.off(name, listener);
    },
  };
}
