/** Logical lines: what belongs together, and that every character of them is found again in the file. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { rangeOf, readLines } from './lines.js';

function read(text: string) {
  const diagnostics: Diagnostic[] = [];
  const result = readLines(text, 'Dockerfile', (d) => diagnostics.push(d));
  return { ...result, texts: result.lines.map((line) => line.text), codes: diagnostics.map((d) => d.code) };
}

describe('a line goes on', () => {
  test.each<[string, string, string[]]>([
    ['behind an escape character', 'COPY a \\\n b', ['COPY a  b']],
    ['with blanks and tabs behind it', 'COPY a \\ \t\n b', ['COPY a  b']],
    ['over comments and empty lines', 'COPY a \\\n# no\n\n  # no\n b', ['COPY a  b']],
    ['with a carriage return behind it', 'COPY a \\\r\n b\r\n', ['COPY a  b']],
    ['in the middle of a word', 'CO\\\nPY a b', ['COPY a b']],
    ['but not behind two of them', 'COPY a \\\\\nb', ['COPY a \\\\', 'b']],
    ['but not over the end of the file', 'COPY a \\', ['COPY a ']],
    ['but not behind another character that escapes', 'COPY a `\n b', ['COPY a `', 'b']],
  ])('%s', (_, text, expected) => {
    expect(read(text).texts).toEqual(expected);
  });

  test('with a comment that stands between as no part of it', () => {
    expect(read('COPY a \\\n# b \\\nc').texts).toEqual(['COPY a c']);
  });
});

describe('directives', () => {
  test('stand before all else', () => {
    expect(read('# escape=`\nCOPY a `\nb').texts).toEqual(['COPY a b']);
    for (const before of ['\n', '# a comment\n', 'FROM scratch\n', '# nothing=known\n']) {
      expect(read(`${before}# escape=\`\nCOPY a \\\nb`)).toMatchObject({ escape: '\\' });
    }
  });

  test('are in any case, with blanks around the sign', () => {
    expect(read('#ESCAPE = `\n# Check=skip=all\nFROM scratch')).toMatchObject({
      escape: '`',
      check: 'skip=all',
      codes: [],
    });
  });

  test('stand once, and have a value that they can have', () => {
    expect(read('# escape=x\nFROM a').codes).toEqual(['InvalidDirective']);
    expect(read('# check=skip=all\n# check=skip=all\nFROM a').codes).toEqual(['InvalidDirective']);
  });
});

describe('heredocs', () => {
  const contents = (text: string) => read(text).lines.map((line) => line.heredocs.map((h) => h.content));

  test('follow the instruction, one after another', () => {
    expect(contents('COPY <<A <<-B /\n1\n\tA\nA\n\t2\n\t\tB\nCOPY a /')).toEqual([['1\n\tA\n', '\t2\n'], []]);
  });

  test('are text: no comments, no continuations, no instructions', () => {
    expect(contents('COPY <<A /\n# 1\n2 \\\nFROM scratch\n\nA')).toEqual([['# 1\n2 \\\nFROM scratch\n\n']]);
  });

  test('are there in RUN and ADD, and in no other instruction', () => {
    expect(contents('RUN <<A\n1\nA')).toEqual([['1\n']]);
    expect(contents('ONBUILD ADD <<A /\n1\nA')).toEqual([['1\n']]);
    expect(contents('ENTRYPOINT <<A')).toEqual([[]]);
    expect(contents('COPY ["<<A", "/"]')).toEqual([[]]);
  });

  test('that do not end are an error', () => {
    expect(read('COPY <<A /\n1\nA ').codes).toEqual(['UnterminatedHeredoc']);
  });
});

test('comments right above belong to the instruction, up to an empty one', () => {
  const comments = (text: string) => read(text).lines[0]!.comments;
  expect(comments('# a\n# b\nFROM scratch')).toEqual(['a', 'b']);
  expect(comments('# a\n#\n# b\nFROM scratch')).toEqual(['b']);
});

test('a line of 65,535 bytes is read, and one more is refused', () => {
  expect(read(`COPY ${'é'.repeat(32_765)}`).codes).toEqual([]);
  expect(read(`COPY ${'é'.repeat(32_765)}x`).codes).toEqual(['LineTooLong']);
  expect(read(`FROM scratch\nCOPY <<A /\n${'x'.repeat(65_536)}\nA`).codes).toEqual(['LineTooLong']); // in a heredoc, too
});

test('every character of a line is found where its place says', () => {
  const pieces = [
    'COPY',
    'a',
    ' ',
    '\t',
    '\\',
    '\\\n',
    ' \\ \n',
    '\n',
    '\r\n',
    '# c\n',
    '\\\n# c\n',
    '\\\n\n',
    '<<A',
    'A\n',
    '\ufeff',
    'é',
    '😀',
    '"',
  ];
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (dockerfile) => {
      const physical = dockerfile.split('\n');
      if (physical[0]?.startsWith('\ufeff')) physical[0] = physical[0].slice(1);
      for (const line of read(dockerfile).lines) {
        for (let i = 0; i < line.text.length; i++) {
          const { start, end } = rangeOf('Dockerfile', line, i, i + 1);
          expect(physical[start.line - 1]![start.column - 1]).toBe(line.text[i]);
          expect(end).toEqual({ line: start.line, column: start.column + 1 });
        }
      }
    }),
    { numRuns: 500 },
  );
});
