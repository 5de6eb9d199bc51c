import { expect, test } from '@jest/globals';
import { delayBefore, isTransientError, isTransientStatus, type RetryPolicy } from './retry.js';
import { ConnectionError } from './transport.js';

const policy: RetryPolicy = { attempts: 5, baseMs: 100, maxMs: 1000, random: () => 0.5 };

test('waits twice as long each time, with jitter, up to the most', () => {
  expect([1, 2, 3, 9].map((attempt) => delayBefore(attempt, policy))).toEqual([75, 150, 300, 750]);
  expect(delayBefore(1, { ...policy, random: () => 0 })).toBe(50);
});

test('heeds Retry-After, in seconds or as a date, within reason', () => {
  expect(delayBefore(1, policy, '3')).toBe(3000);
  expect(delayBefore(1, policy, '86400')).toBe(60_000);
  expect(delayBefore(1, policy, 'Thu, 01 Jan 1970 00:00:05 GMT', 1000)).toBe(4000);
  expect(delayBefore(1, policy, 'soon')).toBe(75);
});

test('what may pass by itself', () => {
  expect([408, 429, 500, 502, 503, 504].every(isTransientStatus)).toBe(true);
  expect([400, 401, 403, 404, 413, 501, 507].some(isTransientStatus)).toBe(false);
  expect(isTransientError(new ConnectionError('x', 'ECONNREFUSED'))).toBe(true);
  expect(isTransientError(new ConnectionError('x', 'ENOTFOUND'))).toBe(false);
  expect(isTransientError(new Error('x'))).toBe(false);
});
