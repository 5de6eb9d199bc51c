import { expect, test } from '@jest/globals';
import { createScheduler } from './scheduler.js';

test('no more run at once than there is room for, and all run', async () => {
  const scheduler = createScheduler(3);
  let running = 0;
  let most = 0;
  const task = async (i: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return i;
  };
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => scheduler.run(() => task(i))));
  expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(most).toBe(3);
});

test('an error is the error of its task alone', async () => {
  const scheduler = createScheduler(1);
  const failed = scheduler.run(async () => {
    throw new Error('mine');
  });
  const next = scheduler.run(async () => 'fine');
  await expect(failed).rejects.toThrow('mine');
  expect(await next).toBe('fine');
});

test('what waits does not start once the build is interrupted', async () => {
  const abort = new AbortController();
  const scheduler = createScheduler(1, abort.signal);
  const started: string[] = [];
  const running = scheduler.run(async () => {
    started.push('running');
    abort.abort(new Error('interrupted'));
  });
  const waiting = scheduler.run(async () => {
    started.push('waiting');
  });
  await running;
  await expect(waiting).rejects.toThrow('interrupted');
  expect(started).toEqual(['running']);
});
