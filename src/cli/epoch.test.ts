import { expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { parseEpoch } from './epoch.js';

test.each([
  [undefined, 0],
  ['', 0],
  ['0', 0],
  ['1700000000', 1_700_000_000],
  ['+5', 5],
  ['0010', 10],
  ['253402300799', 253_402_300_799],
])('%j', (text, seconds) => {
  expect(parseEpoch(text)).toBe(seconds);
});

test.each(['-1', '1.5', '1e9', '0x10', ' 1', '1 ', 'now', '253402300800', '99999999999999999999', '1_000', '\u0661'])(
  '%j is refused',
  (text) => {
    expect(() => parseEpoch(text)).toThrow(BuildError);
    expect(() => parseEpoch(text)).toThrow(/^SOURCE_DATE_EPOCH is ".*", which is no whole number of seconds/);
  },
);
