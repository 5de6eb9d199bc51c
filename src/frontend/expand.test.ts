/** Words as BuildKit's shell lexer expands them: every line of testdata/vectors/words.jsonl is what its ProcessWord and ProcessWords gave. */
import { describe, expect, test } from '@jest/globals';
import { readVectors, textOf, type VectorText } from '../test/vectors.js';
import { type ExpandOptions, ExpansionError, expandWord, expandWords, mentionedVariables } from './expand.js';

/** The first line holds the variables. Where there is no `words`, the text is the one word. */
interface Vector {
  readonly env?: Readonly<Record<string, string>>;
  readonly word: VectorText;
  readonly options?: Partial<ExpandOptions>;
  readonly text?: string;
  readonly words?: readonly string[];
  readonly error?: string;
}

const [{ env: variables }, ...vectors] = readVectors<Vector>('words') as [Vector, ...Vector[]];
const env = new Map(Object.entries(variables!));

/** BuildKit puts a frame around some messages, and shows the end of the text as U+FFFD. */
const said = (error: string) => error.replace(/^failed to process "(?:[^"\\]|\\.)*": /s, '').replaceAll('\ufffd', '');

function outcome(vector: Vector) {
  const word = textOf(vector.word);
  const options: ExpandOptions = { escape: '\\', ...vector.options };
  try {
    return { text: expandWord(word, env, options), words: expandWords(word, env, options) };
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    return { error: said(error.message) };
  }
}

test('the vectors', () => {
  const differing = vectors.flatMap((vector) => {
    const { word, options, text, words = [text!], error } = vector;
    const expected = error === undefined ? { text, words } : { error: said(error) };
    const actual = outcome(vector);
    return JSON.stringify(actual) === JSON.stringify(expected) ? [] : [{ word, options, expected, actual }];
  });
  expect(differing).toEqual([]);
  expect(vectors.length).toBeGreaterThan(2900);
});

describe('expansion', () => {
  const plain = { escape: '\\' };

  test('names its variables, also those of a word that is malformed further on', () => {
    expect([...mentionedVariables('$A/${B:-${C}}/$$/${D:-', plain)]).toEqual(['A', 'C', 'B', '$']);
    expect([...mentionedVariables("'$A' \\$B", plain)]).toEqual([]);
  });

  test.each([
    ['${', "syntax error: missing '}'"],
    ['${A', 'unsupported modifier () in substitution'],
    ['${A:-', "syntax error: missing '}'"],
    ['${}', 'syntax error: bad substitution'],
    ["'a", 'unexpected end of statement while looking for matching single-quote'],
    ['"a', 'unexpected end of statement while looking for matching double-quote'],
    ['${NONE?gone}', 'NONE: gone'],
    ['${NONE?}', 'NONE: is not allowed to be unset'],
    ['${E:?}', 'E: is not allowed to be empty'],
  ])('refuses %s', (word, message) => {
    expect(() => expandWord(word, env, plain)).toThrow(new ExpansionError(message));
  });
});

describe('what nests without end', () => {
  const nested = (n: number) => `${'${a:-'.repeat(n)}x${'}'.repeat(n)}`;

  test('is read to a depth of 1000', () => {
    expect(expandWord(nested(1000), new Map(), { escape: '\\' })).toBe('x');
  });

  test.each([nested(1001), nested(100_000), '${a:-'.repeat(100_000), '${a/'.repeat(100_000)])(
    'and refused below',
    (word) => {
      expect(() => expandWord(word, new Map(), { escape: '\\' })).toThrow(/nested more than 1000 levels deep/);
    },
  );
});

test('replacements in replacements make no gigabytes of a line', () => {
  const env = new Map([['P', 'x'.repeat(60)]]);
  const nested = (n: number) => `${'${P//?/'.repeat(n)}y${'}'.repeat(n)}`;
  expect(expandWord(nested(3), env, { escape: '\\' })).toBe('y'.repeat(60 ** 3));
  const refusal = new ExpansionError('the text that replacements make is too long');
  expect(() => expandWord(nested(4), env, { escape: '\\' })).toThrow(refusal);
  expect(() => expandWord(nested(3).repeat(100), env, { escape: '\\' })).toThrow(refusal);
  const long = 'z'.repeat(100_000); // one that is not nested may be as long as it is
  expect(expandWord(`\${P//?/${long}}`, env, { escape: '\\' })).toBe(long.repeat(60));
});
