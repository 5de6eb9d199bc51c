import { describe, expect, test } from '@jest/globals';
import { isEnabled, parseCheckConfig, withComments } from './check-directive.js';

const rule = (code: string) => ({ code });
const trial = (code: string) => ({ code, experimental: true as const });

describe('parseCheckConfig', () => {
  test.each([
    ['skip=A,B', { skip: new Set(['A', 'B']) }],
    ['skip=all', { skip: 'all' }],
    ['skip=all;skip=A', { skip: 'all' }],
    ['skip=A;skip=B', { skip: new Set(['B']) }],
    ['error=true', { error: true }],
    ['error=T;skip=A', { error: true, skip: new Set(['A']) }],
    ['experimental=all', { experimental: 'all' }],
    ['skip=A, B', { skip: new Set(['A', '']) }],
    ['skip=A because of B', { skip: new Set(['A']) }],
    ['skip=A;error=1;experimental=B;C', { skip: new Set(['A']), error: true, experimental: new Set(['B;C']) }],
  ])('%s', (text, expected) => {
    const nothing = { skip: new Set(), experimental: new Set(), error: false };
    expect(parseCheckConfig(text)).toEqual({ ...nothing, ...expected });
  });

  test.each(['skip', 'SKIP=A', 'error=yes', 'skip=A;', 'skip=A; error=true', 'what=1'])('refuses %s', (text) => {
    expect(parseCheckConfig(text)).toBeUndefined();
  });
});

test('a rule is off when it is skipped, an experimental one unless it is named; names mind case', () => {
  const config = parseCheckConfig('skip=A;experimental=X')!;
  expect([rule('A'), rule('a'), rule('B'), trial('X'), trial('Y')].map((r) => isEnabled(config, r))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
});

test('the first directive in the comments above an instruction adds to that of the file', () => {
  const config = parseCheckConfig('skip=A')!;
  const skipped = (...comments: string[]) =>
    ['A', 'B', 'C'].filter((code) => !isEnabled(withComments(config, comments), rule(code)));
  expect(skipped('words', 'check=skip=B', 'check=skip=C')).toEqual(['A', 'B']);
  expect(skipped('check=nonsense', 'check=skip=C')).toEqual(['A']);
  expect(skipped()).toEqual(['A']);
});
