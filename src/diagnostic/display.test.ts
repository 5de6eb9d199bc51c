import { expect, test } from '@jest/globals';
import { cutTo, printable, toCells, widthOf } from './display.js';

test('printable leaves text alone and escapes what a terminal would obey or hide', () => {
  expect(printable('COPY a /')).toBe('COPY a /');
  expect(printable('漢字 é 😀')).toBe('漢字 é 😀');
  expect(printable('a\tb\nc\x1b[31m\x07\x9b\udc80\u202e\u200d')).toBe(
    'a\\tb\\nc\\x1b[31m\\a\\u009b\\x80\\u202e\\u200d',
  );
});

test.each([
  ['abc', 3, 'abc'],
  ['abcdef', 3, 'ab…'],
  ['漢字漢字', 5, '漢字…'],
  ['漢字漢字', 4, '漢…'],
  ['a\x1b[2J', 20, 'a\\x1b[2J'],
  ['ab', 1, '…'],
  ['ab', 0, ''],
])('cutTo(%j, %d)', (text, width, cut) => {
  expect(cutTo(text, width)).toBe(cut);
  expect(widthOf(toCells(cut))).toBeLessThanOrEqual(width);
});

test('cells lead back to the text', () => {
  expect(toCells('a\te\u0301')).toEqual([
    { start: 0, units: 1, text: 'a', width: 1 },
    { start: 1, units: 1, text: '   ', width: 3 },
    { start: 2, units: 2, text: 'e\u0301', width: 1 },
  ]);
});
