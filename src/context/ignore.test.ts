import { describe, expect, test } from '@jest/globals';
import { parseIgnoreFile } from './ignore.js';

test('each pattern has its line; comments and blank lines have none', () => {
  const ignore = parseIgnoreFile('\ufeff# first\n\n  *.md  \r\n !keep.md\n#!no\n /abs/./x/../y/\n', '.dockerignore');
  expect(ignore).toEqual({
    file: '.dockerignore',
    patterns: ['*.md', '!keep.md', 'abs/y'],
    lines: [3, 4, 6],
    errors: [],
  });
});

test.each([
  ['a', ['a']],
  ['./a/', ['a']],
  ['/a', ['a']],
  ['//a', ['a']],
  ['/', ['/']],
  ['.', ['.']],
  ['..', ['..']],
  ['../a', ['../a']],
  ['! /a', ['!a']],
  ['!/a/../b', ['!b']],
  [' # a', ['# a']], // a comment begins its line
  ['a # b', ['a # b']],
  ['\ufeffa\n\ufeffb', ['a', '\ufeffb']],
  ['a\u00a0\u2028', ['a']],
  ['a\rb\r\n', ['a\rb']],
  ['', []],
])('%j is %j', (text, patterns) => {
  expect(parseIgnoreFile(text, 'x').patterns).toEqual(patterns);
});

describe('a pattern that cannot be understood', () => {
  const diagnosticOf = (text: string) => parseIgnoreFile(text, '.dockerignore').errors[0];

  test('names the line and the mend', () => {
    expect(diagnosticOf('ok\n  a[b\n')).toEqual({
      code: 'InvalidIgnorePattern',
      severity: 'error',
      message: 'the pattern "a[b" cannot be understood',
      range: { file: '.dockerignore', start: { line: 2, column: 1 }, end: { line: 2, column: 6 } },
      hint: 'close the bracket, or write \\[ for a bracket in a name',
    });
  });

  test.each([
    ['!', /stands before the pattern/],
    ['! ', /stands before the pattern/],
    ['bin\\Release', /write \/ between folders/],
    ['[]', /close the bracket/],
  ])('%j', (text, hint) => {
    expect(diagnosticOf(text)?.hint).toMatch(hint);
  });
});

test('every pattern is looked at', () => {
  const { patterns, lines, errors } = parseIgnoreFile('a\n[\nb\n!\n', 'x');
  expect([patterns, lines, errors.map((e) => e.range?.start.line)]).toEqual([
    ['a', 'b'],
    [1, 3],
    [2, 4],
  ]);
});
