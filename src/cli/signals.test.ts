import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { watchSignals } from './signals.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

test('the first signal aborts, the second ends at once', () => {
  const source = new EventEmitter();
  const ended: number[] = [];
  const interrupts = watchSignals(source, (code) => ended.push(code));
  expect(interrupts.code()).toBeUndefined();
  source.emit('SIGTERM');
  expect(interrupts.signal.aborted).toBe(true);
  expect(interrupts.signal.reason).toMatchObject({ name: 'AbortError', message: 'interrupted by SIGTERM' });
  expect(interrupts.code()).toBe(143);
  expect(ended).toEqual([]);
  source.emit('SIGINT');
  expect(ended).toEqual([143]);
  interrupts.dispose();
});

test('work that goes on after a signal is given up in the end', async () => {
  const source = new EventEmitter();
  const interrupts = watchSignals(source, () => {});
  const raced = interrupts.race(new Promise(() => {}));
  source.emit('SIGINT');
  jest.advanceTimersByTime(3000);
  await expect(raced).rejects.toMatchObject({ name: 'AbortError' });
  interrupts.dispose();
});

test('without a signal, work settles as it does', async () => {
  const source = new EventEmitter();
  const interrupts = watchSignals(source, () => {});
  await expect(interrupts.race(Promise.resolve(1))).resolves.toBe(1);
  interrupts.dispose();
  expect(source.eventNames()).toEqual([]);
});
