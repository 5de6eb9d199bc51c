import { describe, expect, test } from '@jest/globals';
import { analyzeLines } from '../test/analyze-lines.js';

/** The errors of a file, as `line code`. */
function errorsOf(...lines: string[]): string[] {
  const analysis = analyzeLines(lines);
  expect(analysis.plan === undefined).toBe(analysis.errors.length > 0);
  return analysis.errors.map(({ code, range }) => `${range?.start.line} ${code}`);
}

describe('one run tells all errors of a file', () => {
  test('a line that is no instruction hides nothing of the others', () => {
    expect(
      errorsOf(
        'FROM golang AS b',
        'FROM scratch',
        'COPY --from=b /x /x',
        'ENV a=b',
        'COPPY a b',
        'COPY --chmod=99 a b',
        'COPY --foo a b',
        'COPY ${a:?no} b',
      ),
    ).toEqual([
      '1 UnsupportedBase',
      '4 UnsupportedInstruction',
      '5 UnknownInstruction',
      '6 InvalidFlag',
      '7 UnknownFlag',
      '8 InvalidExpansion',
    ]);
  });

  test.each([
    ['is misspelt', 'FORM scratch AS a'],
    ['has one word too many', 'FROM scratch AS a b'],
  ])('a FROM that %s may hold the stages that others name: nothing is said of those', (_how, from) => {
    const errors = errorsOf(from, 'FROM scratch', 'COPY --from=a /x /x', 'ENV a=b');
    expect(errors.map((e) => e.slice(0, 1))).toEqual(['1']);
  });

  test('a COPY that is lost is no reason to say that a user is not in the stage', () => {
    expect(errorsOf('FROM scratch', 'COPY --foo etc /etc', 'COPY --chown=app a b')).toEqual(['2 UnknownFlag']);
  });

  test('the words of a stage that is built by other means are not judged', () => {
    expect(errorsOf('FROM golang AS b', 'COPY ${GOPATH:?} /x', 'FROM scratch', 'COPY --from=b / /')).toEqual([
      '1 UnsupportedBase',
    ]);
  });
});
