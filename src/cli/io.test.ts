import { expect, test } from '@jest/globals';
import { type Env, type OutputStream, wantsColor } from './io.js';

test.each<[boolean, Env, boolean]>([
  [true, {}, true],
  [false, {}, false],
  [true, { TERM: 'dumb' }, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [false, { FORCE_COLOR: '' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { FORCE_COLOR: 'false' }, false],
  [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  [true, { CLICOLOR: '0' }, false],
  [true, { CLICOLOR: '1' }, true],
  [false, { CLICOLOR: '1' }, false],
  [false, { CLICOLOR_FORCE: '1' }, true],
  [false, { CLICOLOR_FORCE: '0' }, false],
  [false, { CLICOLOR_FORCE: '1', CLICOLOR: '0' }, true],
  [false, { CLICOLOR_FORCE: '1', NO_COLOR: '1' }, false],
  [false, { FORCE_COLOR: '1', CLICOLOR: '0' }, true],
])('colour on a terminal (%j) with %j', (isTTY, env, wanted) => {
  expect(wantsColor({ isTTY } as OutputStream, env)).toBe(wanted);
});
