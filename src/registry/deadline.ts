/** A signal that is aborted when another one is, or when time is up. (AbortSignal.any is younger than the oldest Node that wbuild runs on.) */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether it was the time, and not the other signal. */
  passed(): boolean;
  /** Stops the clock. */
  end(): void;
}

/** @param outer aborts as well */
export function withDeadline(milliseconds: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let passed = false;
  const timer = setTimeout(() => {
    passed = true;
    controller.abort(new Error('time is up'));
  }, milliseconds);
  const stop = () => controller.abort(outer?.reason);
  if (outer?.aborted) stop();
  outer?.addEventListener('abort', stop, { once: true });
  return {
    signal: controller.signal,
    passed: () => passed,
    end: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', stop);
    },
  };
}
