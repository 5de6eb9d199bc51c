import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { splitCommand, splitQuotedWords, splitWords } from './words.js';

const texts = (spans: readonly { readonly text: string }[]) => spans.map((span) => span.text);

function split(line: string, escape = '\\') {
  const { keyword, flags, rest } = splitCommand(line, escape);
  return { keyword: keyword.text, flags: texts(flags), rest: rest.text };
}

describe('a line', () => {
  test.each<[string, string, string[], string]>([
    ['COPY a b', 'COPY', [], 'a b'],
    [' \tCOPY\t a  b \v', 'COPY', [], 'a  b'],
    ['COPY', 'COPY', [], ''],
    ['COPY --chown=1:2 --link a', 'COPY', ['--chown=1:2', '--link'], 'a'],
    ['COPY a --link', 'COPY', [], 'a --link'],
    ['COPY -- --a b', 'COPY', [], '--a b'],
    ['COPY -a b', 'COPY', [], '-a b'],
    ['COPY "--link" b', 'COPY', [], '"--link" b'],
    ['COPY --chown="a b" c', 'COPY', ['--chown=a b'], 'c'],
    ["COPY --chown='a b'\\ c d", 'COPY', ['--chown=a b c'], 'd'],
    ['COPY --link', 'COPY', ['--link'], ''],
    ['COPY\u00a0a b', 'COPY\u00a0a', [], 'b'],
  ])('%j', (line, keyword, flags, rest) => {
    expect(split(line)).toEqual({ keyword, flags, rest });
  });

  test('escapes in flags are those of the directive', () => {
    expect(split('COPY --chown=a`\u0020b c', '`').flags).toEqual(['--chown=a b']);
    expect(split('COPY --chown=a\\ c', '`')).toMatchObject({ flags: ['--chown=a\\'], rest: 'c' });
  });
});

test('every piece stands where it says', () => {
  // a flag beyond ASCII comes out garbled, as in BuildKit, so such characters stand behind them
  const pieces = ['COPY', '--link', '--chown=1 ', '-- é', ' é', '😀', ' ', '\t', '\v', '\u3000'];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((p) => p.join('')),
      (line) => {
        const { keyword, flags, rest } = splitCommand(line, '\\');
        for (const { text, start, end } of [keyword, rest, ...flags.filter((f) => /^[ -~]*$/.test(f.text))])
          expect(line.slice(start, end)).toBe(text);
        const words = splitWords(rest.text);
        for (const { text, start, end } of words) expect(rest.text.slice(start, end)).toBe(text);
        expect(texts(words).join('')).toBe(rest.text.replace(/[\t\v\f\r ]/g, ''));
      },
    ),
    { numRuns: 500 },
  );
});

test('flags beyond ASCII stand where they say, also where the byte A0 of a character parts it', () => {
  const line = 'COPY --exclude=é --exclude=à --link é';
  const { flags, rest } = splitCommand(line, '\\');
  expect(flags.map((f) => line.slice(f.start, f.end))).toEqual(['--exclude=é', '--exclude=à', '--link']);
  expect(line.slice(rest.start, rest.end)).toBe(rest.text);
});

test('words of ARG, ENV and LABEL keep together what is quoted or escaped', () => {
  const words = (text: string) => texts(splitQuotedWords(text, '\\'));
  expect(words('A=1 B="two words"  C=\\ three')).toEqual(['A=1', 'B="two words"', 'C=\\ three']);
  expect(words(`A='it "is"' B="it 's"`)).toEqual([`A='it "is"'`, `B="it 's"`]);
  expect(words('')).toEqual([]);
});
