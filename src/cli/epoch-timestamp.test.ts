import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BuildError } from '../diagnostic/build-error.js';
import { parseTimestamp } from './epoch.js';

describe('parseTimestamp', () => {
  test.each([
    ['git', 'git'],
    ['now', 'now'],
    ['0', 0],
    ['1700000000', 1_700_000_000],
    ['2023-11-14T22:13:20Z', 1_700_000_000],
    ['2023-11-14T22:13:20.999Z', 1_700_000_000],
    ['2023-11-14t22:13:20z', 1_700_000_000],
    ['2023-11-14 22:13:20Z', 1_700_000_000],
    ['2023-11-15T08:13:20+10:00', 1_700_000_000],
    ['9999-12-31T23:59:59Z', 253_402_300_799],
  ])('%s', (text, expected) => {
    expect(parseTimestamp(text)).toBe(expected);
  });

  test.each([
    '',
    'Git',
    'yesterday',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '253402300800',
    '1969-12-31T23:59:59Z',
    '2023-11-14',
    '2023-11-14T22:13:20',
    '2023-02-30T00:00:00Z',
    '2023-13-01T00:00:00Z',
    '2023-11-14T25:00:00Z',
    '2023-11-14T22:13Z',
    ' 0',
  ])('%j is refused', (text) => {
    expect(() => parseTimestamp(text)).toThrow(BuildError);
  });

  test('reads back what a time is written as', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(parseTimestamp(new Date(seconds * 1000).toISOString())).toBe(seconds);
      }),
    );
  });
});
