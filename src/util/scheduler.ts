/** How much runs at once. Only leaf work is queued (reading, packing): a queued task that waits for another would deadlock. */
import PQueue from 'p-queue';

export interface Scheduler {
  /** Runs a task when there is room; its result or error is the task's. */
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** A scheduler for `concurrency` tasks at once. An aborted signal keeps tasks that wait from starting. */
export function createScheduler(concurrency: number, signal?: AbortSignal): Scheduler {
  const queue = new PQueue({ concurrency });
  return {
    run: (task) =>
      queue.add(async () => {
        signal?.throwIfAborted();
        return task();
      }) as Promise<never>,
  };
}
